/** What `fuseboard verify`, `rebuild`, `replay` and `simulate` of the log promise, on any set of drivers. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { POLICY, Pumping, UPSTREAM, type AuditStand, type PumpingOptions } from '../support/audit-stand.ts';
import { transition } from './samples.ts';

const EQUAL = 0;
const DIFFERENT = 3;
const UNVERIFIABLE = 4;

export function auditContract(name: string, open: () => Promise<AuditStand>): void {
  const pumping = async (options?: PumpingOptions): Promise<Pumping> => {
    const stage = new Pumping(await open());
    await stage.start(options);
    return stage;
  };

  describe(`fuseboard verify: ${name}`, () => {
    test('finds no difference after trips, while the pump goes on, and says what it compared', async () => {
      const stage = await pumping();
      await stage.outcomes(20);
      await stage.trip();
      await stage.trip();
      const { status, stdout, stderr } = await stage.command('verify');
      expect([status, stderr]).toEqual([EQUAL, '']);
      expect(stdout).toMatch(/compared 1 upstreams, 30 outcomes, 4 transitions in [\d.]+ s: no difference\n$/);
      const json = await stage.command('verify', UPSTREAM, '-o', 'json');
      expect(JSON.parse(json.stdout)).toMatchObject({ upstreams: 1, outcomes: 30, transitions: 4, differences: 0, unverifiable: 0 });
    });

    test('counts no epoch: whoever owns the partition still does', async () => {
      const stage = await pumping();
      const { drivers } = stage.stand;
      const { epoch } = await drivers.states.claim(stage.partition, 'another');
      await stage.command('verify');
      expect((await drivers.states.claim(stage.partition, 'another')).epoch).toBe(epoch + 1);
      await stage.trip();
    });

    test('finds a snapshot that was tampered with, at the last record that touched it', async () => {
      const stage = await pumping();
      await stage.outcomes(7);
      const snapshot = await stage.snapshot();
      if (snapshot === undefined) throw new Error('there is no snapshot');
      await stage.stand.tamper(stage.partition, { ...snapshot, window: { ...snapshot.window, errors: 4 } });
      const { status, stdout } = await stage.command('verify');
      expect(status).toBe(DIFFERENT);
      expect(stdout).toContain(`partition ${stage.partition}, offset ${snapshot.next - 1}: ${UPSTREAM}: snapshot: window.errors: 4 in the store, 0 by the log\n`);
    });

    test('finds a snapshot of another generation, at the record that made the first transition beyond it', async () => {
      const stage = await pumping();
      const first = await stage.snapshot();
      await stage.trip();
      if (first === undefined) throw new Error('there is no snapshot');
      await stage.stand.tamper(stage.partition, first);
      const { transitions } = await stage.stand.drivers.transitions.list({ upstream: UPSTREAM, limit: 10 });
      const trip = transitions.find(({ to }) => to === 'open');
      const { status, stdout } = await stage.command('verify');
      expect(status).toBe(DIFFERENT);
      const offset = trip?.cause.kind === 'outcome' ? trip.cause.offset : -1;
      expect(stdout).toContain(`offset ${offset}: ${UPSTREAM}: snapshot: `);
      expect(stdout).toContain('generation: 1 in the store, 3 by the log');
    });

    test('finds a transition that nobody was told of, at the record that made it', async () => {
      const stage = await pumping({ untold: [2] });
      await stage.trip();
      const { status, stdout } = await stage.command('verify');
      expect(status).toBe(DIFFERENT);
      expect(stdout).toMatch(new RegExp(`partition ${stage.partition}, offset \\d+: ${UPSTREAM}: transition 1/2 \\(closed → open\\) is missing from the transitions log\n`));
      expect(stdout).toMatch(/: 1 difference\n$/);
    });

    test('finds a transition that was invented, and one that was told otherwise than it was', async () => {
      const stage = await pumping({ untold: [2] });
      await stage.trip();
      const told = { cause: { kind: 'outcome', partition: stage.partition, offset: 3 } } as const;
      await stage.stand.drivers.transitions.append([transition(UPSTREAM, 12, told), transition(UPSTREAM, 2, told)]);
      const { status, stdout } = await stage.command('verify');
      expect(status).toBe(DIFFERENT);
      expect(stdout).toMatch(new RegExp(`offset 3: ${UPSTREAM}: transition 1/12 \\(closed → open\\) stands in the transitions log \\(transitions ${stage.partition}@\\d+\\), and the log of outcomes makes none such\n`));
      expect(stdout).toMatch(/transition 1\/2 \(closed → open\) \(transitions \d@\d+\): atMs: /);
    });

    test('begins with a checkpoint where the log was cut, and finds no difference', async () => {
      const stage = await pumping({ keepsCheckpoints: true });
      await stage.trip();
      await stage.outcomes(60);
      const { next } = await stage.checkpoint(40);
      await stage.stand.cut(stage.partition, next - 3);
      await stage.trip();
      const { status, stdout } = await stage.command('verify');
      expect(stdout).toContain('(checkpoint)');
      expect([status, stdout.split('\n').at(-2)]).toEqual([EQUAL, expect.stringMatching(/2 transitions in [\d.]+ s: no difference/)]);
    });

    test('says before what nothing can be verified where the log was cut and no checkpoint stands for it, and still compares states with what was told', async () => {
      const stage = await pumping();
      await stage.trip();
      await stage.outcomes(10);
      const snapshot = await stage.snapshot();
      const { next } = await stage.stand.drivers.reader.bounds(stage.partition);
      await stage.stand.cut(stage.partition, next - 5);
      const { status, stdout } = await stage.command('verify');
      expect(stdout).toMatch(new RegExp(`partition ${stage.partition}: unverifiable before ${next - 5} \\(20\\d\\d-[^)]*Z\\): the log was cut there`));
      expect(status).toBe(UNVERIFIABLE);
      if (snapshot === undefined) throw new Error('there is no snapshot');
      await stage.stand.tamper(stage.partition, { ...snapshot, state: 'open' });
      const tampered = await stage.command('verify');
      expect([tampered.status, tampered.stdout]).toEqual([DIFFERENT, expect.stringContaining('the store says generation 3, open; the transitions log says generation 3, closed')]);
    });

    test('ends with 2 where it can’t be read what is asked', async () => {
      const stage = new Pumping(await open());
      expect(await stage.command('verify', '--slowly')).toMatchObject({ status: 2 });
      expect(await stage.command('replay', UPSTREAM, '--from', 'yesterday')).toMatchObject({ status: 2, stderr: expect.stringContaining('how long ago') as string });
    });
  });

  describe(`fuseboard rebuild: ${name}`, () => {
    test('puts right what was tampered with, with the same versions, and tells what nobody was told of', async () => {
      const stage = await pumping({ untold: [2] });
      await stage.trip();
      await stage.outcomes(7);
      const snapshot = await stage.snapshot();
      if (snapshot === undefined) throw new Error('there is no snapshot');
      await stage.stand.tamper(stage.partition, { ...snapshot, window: { total: 0, errors: 0, slow: 0 } });
      await stage.stop();
      await stage.stand.release();
      expect(await stage.command('rebuild')).toMatchObject({ status: 0, stderr: '' });
      expect(await stage.command('verify')).toMatchObject({ status: EQUAL });
      const rebuilt = await stage.command('rebuild', '--partition', `${stage.partition}`, '-o', 'json');
      expect(JSON.parse(rebuilt.stdout)).toMatchObject([{ partition: stage.partition, incarnation: 1, upstreams: 1, published: 0 }]);
    });

    test('begins with a checkpoint where the log was cut, and keeps incarnation and state', async () => {
      const stage = await pumping({ keepsCheckpoints: true });
      await stage.trip();
      await stage.outcomes(60);
      const { next } = await stage.checkpoint(40);
      await stage.stand.cut(stage.partition, next - 1);
      await stage.stop();
      await stage.stand.release();
      const kept = await stage.command('rebuild', '-o', 'json');
      expect(JSON.parse(kept.stdout)).toContainEqual(expect.objectContaining({ partition: stage.partition, incarnation: 1, from: { offset: next, by: 'checkpoint' } }));
      expect(await stage.command('verify')).toMatchObject({ status: EQUAL });
    });

    test('of a log that was cut, with no checkpoint, begins a higher incarnation with the policies in force', async () => {
      const stage = await pumping();
      await stage.outcomes(10);
      const { next } = await stage.stand.drivers.reader.bounds(stage.partition);
      await stage.stand.cut(stage.partition, next - 2);
      await stage.stop();
      await stage.stand.release();
      const { stdout } = await stage.command('rebuild');
      expect(stdout).toContain('new incarnation: the log was cut');
      const verified = await stage.command('verify', '-o', 'json');
      expect(verified.status).toBe(EQUAL);
      expect(JSON.parse(verified.stdout)).toMatchObject({ upstreams: 1, differences: 0 });
    });
  });

  describe(`fuseboard replay: ${name}`, () => {
    test('tells each outcome of the span with its fate, and each transition with cause and window', async () => {
      const stage = await pumping();
      await stage.outcomes(3);
      await stage.trip();
      const lines = (await stage.command('replay', UPSTREAM, '--from', '-10m', '-o', 'json')).stdout.trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
      expect(lines.filter(({ kind }) => kind === 'outcome').map(({ fate }) => fate)).toEqual(Array.from({ length: 8 }, () => 'counted'));
      const transitions = lines.filter(({ kind }) => kind === 'transition');
      expect(transitions).toMatchObject([
        { from: 'closed', to: 'open', generation: 2, cause: { kind: 'outcome' }, window: { total: 8, errors: 5, slow: 0 } },
        { from: 'open', to: 'closed', generation: 3, cause: { kind: 'deadline' } },
      ]);
      const table = await stage.command('replay', UPSTREAM, '--from', '-10m');
      expect(table.stdout).toMatch(/== closed → open until \S+ \(generation 2\): .*; cause: outcome \d@\d+ i7; window: 8 calls, 5 errors, 0 slow\n/);
      expect(table.stdout).toContain('8 outcomes, 2 transitions\n');
    });

    test('tells nothing of what lies outside the span', async () => {
      const stage = await pumping();
      await stage.trip();
      const { stdout } = await stage.command('replay', UPSTREAM, '--from', '2020-01-01', '--to', '2020-01-02');
      expect(stdout).toContain('0 outcomes, 0 transitions\n');
    });
  });

  describe(`fuseboard simulate --from: ${name}`, () => {
    test('of the policy that was in force tells what the product made of the same calls', async () => {
      const stage = await pumping();
      const directory = mkdtempSync(join(tmpdir(), 'fuseboard-span-'));
      onTestFinished(() => rmSync(directory, { recursive: true }));
      const policy = join(directory, 'policy.yaml');
      writeFileSync(policy, JSON.stringify(POLICY));
      await stage.outcomes(7);
      await stage.trip();
      await stage.outcomes(3);
      await stage.trip();
      const { transitions } = await stage.stand.drivers.transitions.list({ upstream: UPSTREAM, limit: 10 });
      const { status, stdout, stderr } = await stage.command('simulate', '-f', policy, '--from', '-10m', UPSTREAM, '-o', 'json');
      expect([status, stderr]).toEqual([0, 'calls that a breaker refused at the time are not in the log, and can be in no ledger\n']);
      const [result] = (JSON.parse(stdout) as { policies: { transitions: { at: number; to: string; window: object }[]; ledger: object }[] }).policies;
      expect(result?.transitions).toHaveLength(4);
      expect(result?.transitions.map(({ at, to, window }) => ({ at, to, window }))).toEqual(
        transitions.toReversed().map(({ atMs, to, window: { startedAtMs, ...counts } }) => ({ at: atMs, to, window: { ...(startedAtMs !== undefined && { startedAt: startedAtMs }), ...counts } })),
      );
      expect(result?.ledger).toEqual({ calls: 20, refused: 0, refusedGood: 0, keptErrors: 0, keptSlow: 0, openMs: 400 });
      const before = await stage.command('simulate', '-f', policy, '--from', '2020-01-01', '--to', '2020-01-02', UPSTREAM, '-o', 'json');
      expect(JSON.parse(before.stdout)).toMatchObject({ policies: [{ transitions: [], ledger: { calls: 0 } }] });
    });
  });
}
