/** What a proxy's process loads before it serves: there are many of them, and each waits for it and holds it. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { projectRoot } from '../support/project-root.ts';

const LOADS = `
import { createRequire } from 'node:module';
await import('./apps/proxy/src/run-proxy.ts');
console.log(JSON.stringify(Object.keys(createRequire(process.cwd() + '/').cache)));
`;

test('a proxy loads neither Nest nor gRPC', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['--conditions=source', '--input-type=module', '-e', LOADS], { cwd: projectRoot(), env: { ...process.env, NODE_OPTIONS: '' } });
  const packages = new Set((JSON.parse(stdout) as string[]).map((path) => /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? ''));
  expect(packages).toContain('kafkajs');
  expect([...packages].filter((name) => /^(?:@nestjs|@grpc)\/|^(?:rxjs|protobufjs|reflect-metadata)$/.test(name))).toEqual([]);
});
