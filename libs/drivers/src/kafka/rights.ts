/** What a login must be allowed to, in Kafka's words, and an error that names what it lacks. docs/kafka.md has the list. */
import { Refused } from '#runtime/reach';
import { typeOf } from './connectivity.ts';

/** Such as `Write on topic fuseboard.outcomes`. */
export type Right = `${string} on ${'topic' | 'group'} ${string}`;

/** Kafka answered, and won't let this login do that. */
export class MissingRight extends Refused {
  override readonly name = 'MissingRight';
}

/** `error`, or where it is a refusal for want of a right, that right's name. */
export function lacking(error: unknown, right: Right): unknown {
  if (error instanceof MissingRight || !typeOf(error).endsWith('AUTHORIZATION_FAILED')) return error;
  return new MissingRight(`this login lacks ${right}`, { cause: error });
}

/** What `work` gives. @throws MissingRight where it is refused for want of `right` */
export async function needing<T>(right: Right, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw lacking(error, right);
  }
}
