/** What a proxy's process loads before it serves: there are many of them, and each waits for it and holds it. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { projectRoot } from '../support/project-root.ts';

const LOADS = `
import { createRequire } from 'node:module';
await import('./apps/proxy/src/run-proxy.ts');
const { cache } = createRequire(process.cwd() + '/');
console.log(JSON.stringify({ files: Object.keys(cache), ofNode: process.moduleLoadList }));
`;

async function loaded(): Promise<{ packages: readonly string[]; ofNode: readonly string[] }> {
  const { stdout } = await promisify(execFile)(process.execPath, ['--conditions=source', '--input-type=module', '-e', LOADS], { cwd: projectRoot(), env: { ...process.env, NODE_OPTIONS: '' } });
  const { files, ofNode } = JSON.parse(stdout) as { files: string[]; ofNode: string[] };
  return { packages: [...new Set(files.map((path) => /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? ''))], ofNode };
}

test('a proxy loads neither Nest nor gRPC, nor what reads YAML or writes for a terminal, nor what Node has for fetching', async () => {
  const { packages, ofNode } = await loaded();
  expect(packages).toContain('kafkajs');
  expect(packages.filter((name) => /^(?:@nestjs|@grpc)\/|^(?:rxjs|protobufjs|reflect-metadata|yaml|pino-pretty)$/.test(name))).toEqual([]);
  expect(ofNode).toContain('NativeModule http2');
  expect(ofNode.filter((name) => name.endsWith('undici'))).toEqual([]);
});
