/** What a program has of a console by the client library: the console on a store in a test's hands, the client as in production. */
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Fuseboard, OptionError, UpstreamOpen, type FuseboardOptions } from '#client';
import { CallGate, type Decision, type Snapshot } from '#engine';
import { formatAddress } from '#runtime';
import { handFedConsole, policy } from '../support/client-stage.ts';
import { ConsoleStage, snapshot, type StageOptions } from '../support/console-stage.ts';
import { pki } from '../support/pki.ts';
import { gateTo } from '../support/tcp-gate.ts';

const UPSTREAMS = ['a.test', 'b.test:81', 'c.test'];
const MINUTE_MS = 60_000;

async function stage(options?: StageOptions): Promise<ConsoleStage> {
  const own = await ConsoleStage.start(options);
  onTestFinished(() => own.close());
  return own;
}

/** A client of an embedded console. */
function client(consoles: string, options: Partial<FuseboardOptions> = {}) {
  const problems: string[] = [];
  const fuseboard = Fuseboard.open({ consoles, partitions: 1, topicPrefix: '', onProblem: (problem) => void problems.push(problem), ...options });
  onTestFinished(() => fuseboard.close());
  return { fuseboard, problems };
}

const anyState = fc.record({
  upstream: fc.constantFrom(...UPSTREAMS),
  state: fc.constantFrom('open' as const, 'closed' as const),
  leftMinutes: fc.constantFrom(10, -10, undefined),
  isByHand: fc.boolean(),
  isPoliced: fc.boolean(),
  isEnforced: fc.boolean(),
  incarnation: fc.constantFrom(1, 2),
});
const anyPolicies = fc.subarray(UPSTREAMS).map((upstreams) => ({ upstreams }));
const anyStep = fc.record({ states: fc.array(anyState, { maxLength: 4 }), policies: fc.option(anyPolicies, { nil: undefined }), isRestoring: fc.constantFrom(false, false, false, true) });

/** Whatever chance brings, there is something to refuse. */
const OPENED = {
  states: UPSTREAMS.map((upstream) => ({ upstream, state: 'open' as const, leftMinutes: 10 as const, isByHand: false, isPoliced: true, isEnforced: true, incarnation: 1 as const })),
  policies: { upstreams: UPSTREAMS },
  isRestoring: false,
};

function snapshotOf({ leftMinutes, isByHand, isPoliced, isEnforced, state, ...of }: typeof anyState extends fc.Arbitrary<infer T> ? T : never, step: number): Snapshot {
  const override = isByHand ? { override: { author: 'op', reason: '', controlOffset: 3 } } : {};
  const nowMs = Date.now();
  const lease = leftMinutes !== undefined && (state === 'open' || isByHand) ? { sinceMs: nowMs - 20 * MINUTE_MS, untilMs: nowMs + leftMinutes * MINUTE_MS } : {};
  const { policy: identity, ...bare } = snapshot({ ...of, state, next: step, generation: step, admit: state === 'open' && (isByHand || isEnforced) ? 0 : 1, ...override, ...lease });
  return isPoliced ? { ...bare, policy: { ...(identity as NonNullable<typeof identity>), ...(isEnforced ? {} : { enforced: false }) } } : bare;
}

describe('a client', () => {
  it('decides as a proxy of the same states and documents does, whatever they are', { timeout: 120_000 }, async () => {
    const { hands, ...own } = await handFedConsole();
    const { fuseboard } = client(formatAddress(own.console.grpcAddress));
    const clocks = { wallMs: Date.now, monotonicMs: () => performance.now() };
    const proxy = new CallGate({ append: async () => [] }, { clocks, partitions: 1, partitionOf: () => 0, stateMaxAgeMs: 5_000, reporter: 'proxy', idPrefix: '' });
    const answers = { admit: 0, refuse: 0 };
    let step = 0;
    const check = async ({ states, policies, isRestoring }: typeof anyStep extends fc.Arbitrary<infer T> ? T : never): Promise<void> => {
      step++;
      // What both have heard of when they have heard of all.
      const marker = policy('marker.test', { slowMs: step });
      const documents = policies && { control: step, documents: [...policies.upstreams.map((upstream) => policy(upstream, { content: `step ${step}`, enforced: step % 3 > 0 })), marker] };
      const meta = { incarnation: 2, next: step, clockMs: Date.now(), control: step, sequence: step, ...(isRestoring ? { restoringTo: step + 1 } : {}) };
      const update = { partition: 0, meta, snapshots: [...states.map((each) => snapshotOf(each, step)), snapshot({ upstream: 'marker.test', incarnation: 2, next: step, generation: step })] };
      for (const hear of [() => documents && hands.documents(documents), () => documents && proxy.hearDocuments(documents), () => hands.states(update), () => proxy.hearStates(update)]) hear();
      const all = [...UPSTREAMS, 'marker.test', 'never-heard-of.test'];
      const shared = ({ decide }: { decide: (upstream: string) => Decision }) => all.map((upstream) => withoutOwn(decide(upstream)));
      await expect.poll(() => shared({ decide: (upstream) => fuseboard.decide(upstream) }), { timeout: 10_000, interval: 2 }).toEqual(shared({ decide: (upstream) => proxy.decide(upstream) }));
      for (const upstream of UPSTREAMS) answers[fuseboard.decide(upstream).kind]++;
    };
    await fc.assert(fc.asyncProperty(anyStep, check), { numRuns: 80, endOnFailure: true, examples: [[OPENED]] });
    expect([answers.admit > 0, answers.refuse >= UPSTREAMS.length]).toEqual([true, true]);
  });

  it('is ready when it knows the states, asks once by get, and shows its token by TLS', async () => {
    const own = pki();
    const env = { FUSEBOARD_CONSOLE_LISTEN: '0.0.0.0:0', FUSEBOARD_GRPC_LISTEN: '0.0.0.0:0', FUSEBOARD_TOKEN: 'write-it', FUSEBOARD_READ_TOKEN: 'read-it', FUSEBOARD_CONSOLE_TLS_CERT: own.server.cert, FUSEBOARD_CONSOLE_TLS_KEY: own.server.key };
    const there = await stage({ env });
    await there.commit({ upstream: 'a.test', state: 'open', admit: 0, generation: 4, override: { author: 'ann', reason: 'a drill', controlOffset: 2 }, window: { total: 9, errors: 3, slow: 1 } });
    const console = `127.0.0.1:${there.console.grpcAddress.port}`;
    const tls = { ca: own.ca };
    const { fuseboard } = client(`127.0.0.1:1,${console}`, { tls, token: () => 'read-it' });
    await fuseboard.ready();
    expect(fuseboard.standing).toMatchObject({ isKnown: true, dropped: 0 });
    expect(fuseboard.standing.stateAgeMs).toBeLessThan(5_000);
    expect(await fuseboard.get('A.test')).toEqual({ upstream: 'a.test', state: 'open', admit: 0, incarnation: 1, generation: 4, sinceMs: 1_790_000_000_000, window: { total: 9, errors: 3, slow: 1 }, policy: { name: 'p', namespace: 'n', version: '0123456789ab' }, override: { author: 'ann', reason: 'a drill' } });
    expect(await fuseboard.get('unheard.test')).toBeUndefined();

    const refused = client(console, { tls, token: 'wrong' });
    await expect(refused.fuseboard.ready()).rejects.toThrow(/^token: the console at 127\.0\.0\.1:\d+ refuses us/);
    for (const [strange, why] of [[refused.fuseboard, 'the bearer token is not the one that is configured'], [client(console, { tls }).fuseboard, 'a bearer token is needed (token)']] as const) {
      await expect(strange.get('a.test')).rejects.toThrow(new OptionError(`token: the console at ${console} refuses us: ${why}`));
    }
    expect(refused.problems.join()).toContain('token: the console at');

    let shown = 'wrong';
    const renewed = client(console, { tls, token: () => shown });
    await expect(renewed.fuseboard.get('a.test')).rejects.toThrow(/refuses us/);
    shown = 'read-it';
    expect(await renewed.fuseboard.get('a.test')).toMatchObject({ upstream: 'a.test' });
  });

  it('is told which option is wrong where the console is another fleet’s', async () => {
    const { console: { grpcAddress } } = await stage();
    await expect(client(formatAddress(grpcAddress), { partitions: 12 }).fuseboard.ready()).rejects.toThrow('partitions: found 12, and the fleet of the console at 127.0.0.1:');
    await expect(client(formatAddress(grpcAddress), { topicPrefix: 'mine.' }).fuseboard.ready()).rejects.toThrow('topicPrefix: found "mine.", and the console at 127.0.0.1:');
    expect(() => new Fuseboard({ consoles: '127.0.0.1:1', tls: { ca: '/no/such.pem' } })).toThrow("tls.ca: /no/such.pem can't be read");
    expect(() => new Fuseboard({ kafka: { brokers: '127.0.0.1:1', tls: { ca: '/no/such.pem' } } })).toThrow("kafka.tls.ca: /no/such.pem can't be read");
  });

  it('keeps what it knows when the console goes, refuses until the lease ends, and then fails open', async () => {
    const { hands, ...own } = await handFedConsole();
    const gate = await gateTo(own.console.grpcAddress.port);
    const nowMs = Date.now();
    hands.documents({ control: 1, documents: [policy('a.test')] });
    hands.states({ partition: 0, meta: { incarnation: 1, next: 1, clockMs: nowMs, control: 1, sequence: 1 }, snapshots: [snapshot({ state: 'open', admit: 0, generation: 2, sinceMs: nowMs, untilMs: nowMs + 2_500 })] });
    const { fuseboard, problems } = client(`127.0.0.1:${gate.port}`, { stateMaxAgeMs: 1_000 });
    await fuseboard.ready();
    gate.to = 1;
    gate.cut();
    await expect(fuseboard.guard('a.test', () => expect.unreachable('it was made'))).rejects.toThrow(UpstreamOpen);
    await expect.poll(() => fuseboard.standing.isKnown, { timeout: 10_000 }).toBe(false);
    expect(fuseboard.decide('a.test').kind).toBe('refuse');
    await expect.poll(() => fuseboard.decide('a.test'), { timeout: 10_000 }).toMatchObject({ kind: 'admit', admitted: { incarnation: 1, generation: 3 } });
    expect(Date.now()).toBeGreaterThanOrEqual(nowMs + 2_500);
    expect(await fuseboard.guard('a.test', () => 'made')).toBe('made');
    // Meanwhile it judges its own calls, by the policy that it knows (V4).
    const refused = Object.assign(new Error('no'), { code: 'ECONNREFUSED' });
    for (let n = 0; n < 5; n++) await expect(fuseboard.guard('a.test', () => Promise.reject(refused))).rejects.toBe(refused);
    await expect(fuseboard.guard('a.test', () => 'made')).rejects.toThrow(UpstreamOpen);
    await expect.poll(() => problems.join(), { timeout: 10_000 }).toMatch(/the console at 127\.0\.0\.1:\d+ is out of reach for .*; states are kept as they were last known/);
  });
});

/** As of what both have heard: by what each judges alone (V4) they need not agree in numbers. */
function withoutOwn(decision: Decision): unknown {
  if (decision.kind === 'refuse') return decision;
  const { local, ...rest } = decision;
  return { ...rest, isJudgedHere: local !== undefined };
}
