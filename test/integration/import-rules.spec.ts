/**
 * The import rules find what they forbid: for each, a violation is planted in a copy of the tree's shape and must be
 * reported, and the tree itself must have none and must have been read. A cruiser that can't parse passes by silence.
 */
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');
const CRUISER = join(ROOT, 'node_modules/dependency-cruiser/bin/dependency-cruiser.mjs');

interface Report {
  readonly summary: { readonly totalCruised: number; readonly violations: readonly { readonly rule: { readonly name: string }; readonly from: string }[] };
}

async function cruise(root: string): Promise<Report> {
  const run = promisify(execFile)(process.execPath, [CRUISER, 'apps', 'libs', '--config', '.dependency-cruiser.mjs', '--output-type', 'json'], {
    cwd: root,
    maxBuffer: 64 * 1024 * 1024,
  });
  const { stdout } = await run.catch((error: { stdout: string }) => error);
  return JSON.parse(stdout) as Report;
}

const PLANTED: Readonly<Record<string, { file: string; text: string }>> = {
  'engine-imports-xstate-only': { file: 'libs/engine/src/planted.ts', text: "import 'node:fs';" },
  'audit-imports-the-engine': { file: 'libs/audit/src/planted.ts', text: "import 'node:fs';" },
  'http-proxy-imports-node-and-its-parser': { file: 'libs/http-proxy/src/planted.ts', text: "import '#engine';" },
  'wire-imports-the-engine': { file: 'libs/wire/src/planted.ts', text: "import '#runtime';" },
  'client-imports-no-process': { file: 'libs/client/src/planted.ts', text: "import '#runtime';" },
  'runtime-imports-the-engine': { file: 'libs/runtime/src/planted.ts', text: "import '#wire';" },
  'drivers-import-engine-wire-runtime': { file: 'libs/drivers/src/planted.ts', text: "import '#http-proxy';" },
  'kafkajs-only-under-kafka': { file: 'apps/ingest/src/planted-kafka.ts', text: "import 'kafkajs';" },
  'ioredis-only-under-redis': { file: 'libs/drivers/src/kafka/planted.ts', text: "import 'ioredis';" },
  'opentelemetry-only-under-tracing': { file: 'apps/proxy/src/planted-otel.ts', text: "import '@opentelemetry/core';" },
  'tracing-only-where-on': { file: 'apps/proxy/src/planted-tracing.ts', text: "import './tracing/tracing.ts';" },
  'grpc-only-under-console': { file: 'libs/drivers/src/redis/planted-grpc.ts', text: "import '@grpc/grpc-js';" },
  'apps-know-no-other-app': { file: 'apps/proxy/src/planted.ts', text: "import '../../ingest/src/ingest.ts';" },
  'page-imports-what-a-browser-has': { file: 'apps/console/page/src/planted.ts', text: "import '../../src/read-model.ts';" },
  'libs-by-public-name': { file: 'apps/cli/src/planted.ts', text: "import '../../../libs/engine/src/window.ts';" },
  'libs-know-no-app': { file: 'libs/wire/src/planted-app.ts', text: "import '../../../apps/ingest/src/ingest.ts';" },
  'nest-at-the-rim': { file: 'libs/drivers/src/embedded/planted.ts', text: "import '@nestjs/common';" },
  'no-cycles': { file: 'libs/engine/src/planted-cycle.ts', text: "import './planted-cycle-b.ts';" },
  resolvable: { file: 'libs/wire/src/planted-nowhere.ts', text: "import './nowhere.ts';" },
};

describe('import rules', () => {
  let copy: string;
  let report: Report;
  beforeAll(async () => {
    copy = mkdtempSync(join(tmpdir(), 'fuseboard-rules-'));
    for (const name of ['apps', 'libs', 'package.json', 'tsconfig.json', '.dependency-cruiser.mjs']) cpSync(join(ROOT, name), join(copy, name), { recursive: true });
    mkdirSync(join(copy, 'node_modules'));
    for (const name of ['xstate', '@nestjs', '@swc', 'undici', 'yaml', 'preact', '@preact']) symlinkSync(join(ROOT, 'node_modules', name), join(copy, 'node_modules', name));
    for (const name of ['kafkajs', 'ioredis', '@grpc/grpc-js', '@opentelemetry/core']) {
      mkdirSync(join(copy, 'node_modules', name), { recursive: true });
      writeFileSync(join(copy, 'node_modules', name, 'package.json'), JSON.stringify({ name, main: 'index.js' }));
      writeFileSync(join(copy, 'node_modules', name, 'index.js'), '');
    }
    for (const { file, text } of Object.values(PLANTED)) {
      mkdirSync(dirname(join(copy, file)), { recursive: true });
      writeFileSync(join(copy, file), `${text}\n`);
    }
    writeFileSync(join(copy, 'libs/engine/src/planted-cycle-b.ts'), "import './planted-cycle.ts';\n");
    report = await cruise(copy);
  }, 60_000);
  afterAll(() => rmSync(copy, { recursive: true, force: true }));

  test.each(Object.entries(PLANTED))('%s is found where it is broken', (rule, { file }) => {
    const found = report.summary.violations.filter(({ from }) => from.startsWith(file.replace(/\.ts$/, ''))).map((violation) => violation.rule.name);
    expect(found).toContain(rule);
  });

  test('the tree itself is read and breaks none of them', async () => {
    const { summary } = await cruise(ROOT);
    expect(summary.totalCruised).toBeGreaterThan(60);
    expect(summary.violations).toEqual([]);
  }, 60_000);
});
