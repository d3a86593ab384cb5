/**
 * Who of a consumer group gets which partitions: each as many as its share, and as far as that goes, what it has. kafkajs's
 * own assigner deals all of them anew at each change, and each that moves must be claimed and restored.
 */
import kafkajs, { type PartitionAssigner } from 'kafkajs';

const { MemberAssignment, MemberMetadata } = kafkajs.AssignerProtocol;
const NAME = 'fuseboard-sticky';
const VERSION = 1;
/** Of a member that doesn't say. */
const OLDEST_ENGINE = 1;

export interface Member {
  readonly id: string;
  /** What it says that it has. */
  readonly owned: readonly number[];
  /** The newest rules that it can fold by. */
  readonly engine: number;
}

/**
 * Each partition once; none to members of an older engine than others have, who may have to leave it alone. The same for
 * the same members, in whatever order they come.
 */
export function assign(members: readonly Member[], partitions: number): Map<string, number[]> {
  const newest = Math.max(...members.map(({ engine }) => engine));
  const older = members.filter(({ engine }) => engine < newest).map(({ id }) => [id, []] as [string, number[]]);
  return new Map([...deal(members.filter(({ engine }) => engine === newest), partitions), ...older]);
}

function deal(members: readonly Member[], partitions: number): Map<string, number[]> {
  const sorted = members.toSorted((a, b) => b.owned.length - a.owned.length || (a.id < b.id ? -1 : 1));
  const least = Math.floor(partitions / sorted.length);
  const oneMore = partitions % sorted.length;
  const free = new Set(Array.from({ length: partitions }, (_, partition) => partition));
  // Those who have most get one more where the shares can't be equal.
  const shares = sorted.map(({ id, owned }, index) => {
    const share = least + (index < oneMore ? 1 : 0);
    const kept = [...new Set(owned)].filter((partition) => free.has(partition)).slice(0, share);
    for (const partition of kept) free.delete(partition);
    return { id, share, kept };
  });
  return new Map(shares.map(({ id, share, kept }) => [id, [...kept, ...takeFrom(free, share - kept.length)].toSorted((a, b) => a - b)]));
}

function takeFrom(free: Set<number>, count: number): number[] {
  const taken = [...free].slice(0, count);
  for (const partition of taken) free.delete(partition);
  return taken;
}

export interface AssignerOptions {
  readonly topic: string;
  readonly partitions: number;
  /** What this process has, when it joins or joins again. */
  readonly owned: () => readonly number[];
  readonly engine: number;
}

export function stickyAssigner({ topic, partitions, owned, engine }: AssignerOptions): PartitionAssigner {
  return () => ({
    name: NAME,
    version: VERSION,
    protocol: ({ topics }) => ({
      name: NAME,
      metadata: MemberMetadata.encode({ version: VERSION, topics, userData: Buffer.from(JSON.stringify({ owned: owned(), engine })) }),
    }),
    assign: async ({ members }) => {
      const all = members.map(({ memberId, memberMetadata }) => ({ id: memberId, ...saidIn(memberMetadata) }));
      return [...assign(all, partitions)].map(([memberId, own]) => ({
        memberId,
        memberAssignment: MemberAssignment.encode({ version: VERSION, assignment: { [topic]: own }, userData: Buffer.alloc(0) }),
      }));
    },
  });
}

/** Any program may join a group; what it says is no reason to end ours. */
function saidIn(memberMetadata: Buffer): Omit<Member, 'id'> {
  try {
    const said: unknown = JSON.parse(MemberMetadata.decode(memberMetadata)?.userData.toString() ?? '');
    const { owned, engine } = said as { readonly owned?: unknown; readonly engine?: unknown };
    return {
      owned: Array.isArray(owned) ? owned.filter((each): each is number => Number.isInteger(each)) : [],
      engine: Number.isInteger(engine) ? (engine as number) : OLDEST_ENGINE,
    };
  } catch {
    return { owned: [], engine: OLDEST_ENGINE };
  }
}
