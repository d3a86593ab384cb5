/**
 * Upstreams that are known and that nobody has called here: a row each, of numbers and bytes. Of 100,000 known upstreams a
 * proxy calls some 1,000; the others cost no object, no string and no decision until their first call wakes them.
 *
 * A dormant upstream's state is closed and has no end, so that nothing ever ends or begins by itself.
 */
import { textAt, type AlikeSettings } from './alike-settings.ts';
import { grown, NameTable } from './name-table.ts';
import type { QuietStates } from './ports.ts';
import type { Heard } from './seen.ts';
import type { SharedPolicy } from './shared-policies.ts';
import { isNewer } from './snapshot.ts';

/** The policy of an upstream, and whose document has it. */
export interface PolicyHeld {
  readonly policy: SharedPolicy;
  readonly name: string;
  readonly namespace: string;
}

/** What a row says. */
export interface Dormant {
  readonly state: Heard | undefined;
  readonly policy: PolicyHeld | undefined;
}

/** Policies that say the same, of documents in one namespace. */
interface Group {
  readonly policy: SharedPolicy;
  readonly namespace: string;
  /** Of the documents that have it. */
  readonly nameAt: (place: number) => string;
}

const FIRST_ROWS = 64;
/** Of a row. */
const AWAKE = 1;
const HAS_STATE = 2;
const CAN_TRIP = 4;

/** Closed, and nothing ends it but news. */
function isQuiet({ state, admit, untilMs }: Heard): boolean {
  return state === 'closed' && admit === 1 && untilMs === undefined;
}

/** What all quiet states say; since when it has been so decides nothing. */
const QUIET = { state: 'closed', admit: 1, sinceMs: 0, untilMs: undefined } as const;

/** One of them by itself. */
export function quietAt({ upstreams, incarnations, nexts, generations, canTrip }: QuietStates, index: number): Heard {
  const [incarnation, next, generation] = [incarnations, nexts, generations].map((column) => column[index]) as [number, number, number];
  return { upstream: textAt(upstreams, index), incarnation, next, generation, ...QUIET, canTrip: canTrip[index] === 1 };
}

export class DormantUpstreams {
  readonly #names = new NameTable();
  #flags = new Uint8Array(FIRST_ROWS);
  #incarnations = new Float64Array(FIRST_ROWS);
  #generations = new Float64Array(FIRST_ROWS);
  #nexts = new Float64Array(FIRST_ROWS);
  /** Of its policy: the group, from 1 (0: it has none), and which in it. */
  #groups = new Uint32Array(FIRST_ROWS);
  #places = new Uint32Array(FIRST_ROWS);
  readonly #policies: Group[] = [];
  /** Of policies that came one by one; and their documents' names. */
  readonly #groupOf = new Map<string, number>();
  readonly #documents: string[] = [];

  /** Makes room for so many in all. */
  expect(upstreams: number): void {
    this.#names.expect(upstreams);
    this.#grow(upstreams);
  }

  /** Nobody has a policy here. */
  get isUnpoliced(): boolean {
    return this.#policies.length === 0;
  }

  /** A new one with the states that are in this one, and no policies; nobody is awake in it. */
  withoutPolicies(): DormantUpstreams {
    const renewed = new DormantUpstreams();
    renewed.expect(this.#names.size);
    for (let row = 0; row < this.#names.size; row++) {
      const flags = this.#flags[row] as number;
      if ((flags & AWAKE) !== 0 || (flags & HAS_STATE) === 0) continue;
      const at = renewed.#rowOf(renewed.#names.addOf(this.#names, row));
      renewed.#flags[at] = flags;
      renewed.#incarnations[at] = this.#incarnations[row] as number;
      renewed.#generations[at] = this.#generations[row] as number;
      renewed.#nexts[at] = this.#nexts[row] as number;
    }
    return renewed;
  }

  /** It is known elsewhere from now on: its row says nothing any more. */
  wakes(upstream: string): void {
    const row = this.#names.add(upstream);
    if (row !== -1) this.#flags[this.#rowOf(row)] = AWAKE;
  }

  /** It isn't known elsewhere any more, nor here. */
  forgets(upstream: string): void {
    const row = this.#names.find(upstream);
    if (row === -1) return;
    this.#flags[row] = 0;
    this.#groups[row] = 0;
  }

  /** Undefined: nothing is known of it, or it is awake. */
  find(upstream: string): Dormant | undefined {
    const row = this.#names.find(upstream);
    if (row === -1 || this.#isAwake(row)) return undefined;
    const [state, policy] = [this.#stateOf(row, upstream), this.#policyOf(row)];
    return state === undefined && policy === undefined ? undefined : { state, policy };
  }

  /** V1: a version that isn't newer changes nothing. @returns false: it is awake, or can't be here */
  hear(heard: Heard): boolean {
    const row = isQuiet(heard) ? this.#names.add(heard.upstream) : -1;
    if (row === -1 || this.#isAwake(this.#rowOf(row))) return false;
    this.#take(row, heard);
    return true;
  }

  /** The same of many. @param onAwake those that are awake, by where they are in `states` */
  hearAll(states: QuietStates, onAwake: (index: number) => void): void {
    const { size, upstreams: { bytes, starts, ends }, incarnations, generations, nexts, canTrip: canTrips } = states;
    for (let index = 0; index < size; index++) {
      const row = this.#rowOf(this.#names.addBytes(bytes, starts[index] as number, ends[index] as number));
      if (this.#isAwake(row)) onAwake(index);
      else this.#take(row, { incarnation: incarnations[index] as number, generation: generations[index] as number, next: nexts[index] as number, canTrip: canTrips[index] === 1 });
    }
  }

  /** @returns false: it is awake, or can't be here */
  police(upstream: string, { policy, name, namespace }: PolicyHeld): boolean {
    const added = this.#names.add(upstream);
    if (added === -1) return false;
    const row = this.#rowOf(added);
    if (this.#isAwake(row)) return false;
    this.#groups[row] = this.#groupFor(policy, namespace);
    this.#places[row] = this.#documents.push(name) - 1;
    return true;
  }

  /** The same of many that are alike: they are named from where they lie. @param onAwake those that are awake, by where they are in `settings` */
  policeAll({ size, like: { namespace }, names, upstreams: { bytes, starts, ends } }: AlikeSettings, policy: SharedPolicy, onAwake: (index: number) => void): void {
    const group = this.#policies.push({ policy, namespace, nameAt: (place) => textAt(names, place) });
    for (let index = 0; index < size; index++) {
      const row = this.#rowOf(this.#names.addBytes(bytes, starts[index] as number, ends[index] as number));
      if (this.#isAwake(row)) {
        onAwake(index);
        continue;
      }
      this.#groups[row] = group;
      this.#places[row] = index;
    }
  }

  #isAwake(row: number): boolean {
    return ((this.#flags[row] as number) & AWAKE) !== 0;
  }

  #take(row: number, { incarnation, generation, next, canTrip }: Pick<Heard, 'incarnation' | 'generation' | 'next' | 'canTrip'>): void {
    const hasState = ((this.#flags[row] as number) & HAS_STATE) !== 0;
    if (hasState && !isNewer({ incarnation, next }, { incarnation: this.#incarnations[row] as number, next: this.#nexts[row] as number })) return;
    this.#flags[row] = HAS_STATE | (canTrip ? CAN_TRIP : 0);
    this.#incarnations[row] = incarnation;
    this.#generations[row] = generation;
    this.#nexts[row] = next;
  }

  #stateOf(row: number, upstream: string): Heard | undefined {
    const flags = this.#flags[row] as number;
    if ((flags & HAS_STATE) === 0) return undefined;
    const [incarnation, next, generation] = [this.#incarnations[row], this.#nexts[row], this.#generations[row]] as [number, number, number];
    return { upstream, incarnation, next, generation, ...QUIET, canTrip: (flags & CAN_TRIP) !== 0 };
  }

  #policyOf(row: number): PolicyHeld | undefined {
    const group = this.#policies[(this.#groups[row] as number) - 1];
    return group && { policy: group.policy, namespace: group.namespace, name: group.nameAt(this.#places[row] as number) };
  }

  #groupFor(policy: SharedPolicy, namespace: string): number {
    // Of policies that are alike the version is the same (shared-policies.ts).
    const key = `${policy.identity.version} ${namespace}`;
    const known = this.#groupOf.get(key);
    if (known !== undefined) return known;
    const group = this.#policies.push({ policy, namespace, nameAt: (place) => this.#documents[place] as string });
    this.#groupOf.set(key, group);
    return group;
  }

  /** With a place in every column. */
  #rowOf(number: number): number {
    if (number >= this.#flags.length) this.#grow(2 * this.#flags.length);
    return number;
  }

  #grow(rows: number): void {
    if (rows <= this.#flags.length) return;
    this.#flags = grown(this.#flags, rows);
    this.#incarnations = grown(this.#incarnations, rows);
    this.#generations = grown(this.#generations, rows);
    this.#nexts = grown(this.#nexts, rows);
    this.#groups = grown(this.#groups, rows);
    this.#places = grown(this.#places, rows);
  }
}
