/** The `kafka-acls.sh` lines of docs/kafka.md as rights, and a way to grant them. */
import { readFileSync } from 'node:fs';
import kafkajs, { type AclEntry, type Admin } from 'kafkajs';

export interface Acl {
  /** Without `User:`. */
  readonly user: string;
  readonly operation: string;
  readonly resource: 'topic' | 'group';
  readonly name: string;
  readonly isPrefix: boolean;
}

const PAGE = new URL('../../docs/kafka.md', import.meta.url);
const OPERATIONS: Readonly<Record<string, number>> = {
  Read: kafkajs.AclOperationTypes.READ,
  Write: kafkajs.AclOperationTypes.WRITE,
  Create: kafkajs.AclOperationTypes.CREATE,
  Describe: kafkajs.AclOperationTypes.DESCRIBE,
  DescribeConfigs: kafkajs.AclOperationTypes.DESCRIBE_CONFIGS,
};

/** Each right of each line, with `prefix` in place of `fuseboard.`. */
export function documentedAcls(prefix: string): Acl[] {
  const lines = readFileSync(PAGE, 'utf8').split('\n').filter((line) => line.startsWith('kafka-acls.sh '));
  return lines.flatMap((line) => {
    const of = (option: string): string[] => Array.from(line.matchAll(new RegExp(` --${option} (\\S+)`, 'g')), ([, value = '']) => value);
    const [user = ''] = of('allow-principal').map((principal) => principal.replace(/^User:/, ''));
    const named = (['topic', 'group'] as const).flatMap((resource) => of(resource).map((name) => ({ resource, name: name.replace(/^fuseboard\./, prefix) })));
    const isPrefix = of('resource-pattern-type')[0] === 'prefixed';
    return of('operation').flatMap((operation) => named.map((each) => ({ user, operation, ...each, isPrefix })));
  });
}

/** @param to to whom; default: to those they are for */
export async function grant(admin: Admin, acls: readonly Acl[], to?: string): Promise<void> {
  if (acls.length > 0) await admin.createAcls({ acl: acls.map((acl) => entryOf(acl, to ?? acl.user)) });
}

function entryOf({ operation, resource, name, isPrefix }: Acl, user: string): AclEntry {
  const number = OPERATIONS[operation];
  if (number === undefined) throw new Error(`docs/kafka.md has an operation that is none: ${operation}`);
  return {
    principal: `User:${user}`,
    host: '*',
    operation: number,
    permissionType: kafkajs.AclPermissionTypes.ALLOW,
    resourceType: resource === 'topic' ? kafkajs.AclResourceTypes.TOPIC : kafkajs.AclResourceTypes.GROUP,
    resourceName: name,
    resourcePatternType: isPrefix ? kafkajs.ResourcePatternTypes.PREFIXED : kafkajs.ResourcePatternTypes.LITERAL,
  };
}

/** Makes the topics as the `kafka-topics.sh` commands in `text` would. */
export async function runTopicCommands(admin: Admin, text: string): Promise<string[]> {
  const commands = text.match(/kafka-topics\.sh [^&)]+/g) ?? [];
  const topics = commands.map((command) => {
    const of = (option: string): string[] => Array.from(command.matchAll(new RegExp(` --${option} (\\S+)`, 'g')), ([, value = '']) => value);
    const configEntries = of('config').map((setting) => ({ name: setting.split('=')[0] ?? '', value: setting.split('=')[1] ?? '' }));
    return { topic: of('topic')[0] ?? '', numPartitions: Number(of('partitions')[0]), configEntries };
  });
  await admin.createTopics({ topics, waitForLeaders: false });
  return topics.map(({ topic }) => topic);
}
