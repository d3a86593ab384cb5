/** The programs in docs/producers.md, run as they stand there, in each language that this machine has. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it, type TestContext } from 'vitest';
import type { LogRecord } from '#engine';
import { eventually } from '../support/eventually.ts';
import { openStage } from '../support/kafka-stage.ts';
import { cacheFolder, prepareKafka } from '../support/services/kafka-files.ts';
import { NoServiceError, onPath } from '../support/services/no-service.ts';
import { leaveOut, services } from '../support/services/services.ts';

const PAGE = readFileSync(new URL('../../docs/producers.md', import.meta.url), 'utf8');
const ROOT = join(import.meta.dirname, '../..');
const PARTITIONS = 12;
const FRANZ = 'v1.22.3';
const CONFLUENT = '2.16.1';
/** A download and a build of Go included. */
const RUN_WITHIN_MS = 240_000;

/** The first block of this language, with its broker and topic as they are here. */
function program(language: string, prefix: string): string {
  const [, code] = new RegExp(`^\`\`\`${language}(?: .*)?\\n([^]*?)^\`\`\`$`, 'm').exec(PAGE) ?? [];
  if (code === undefined) throw new Error(`docs/producers.md has no program in ${language}`);
  const [broker = ''] = services().kafkaBrokers.split(',');
  return code.replaceAll('127.0.0.1:9092', broker).replaceAll('fuseboard.outcomes', `${prefix}outcomes`);
}

async function ran(command: string, args: readonly string[], options: { readonly cwd?: string; readonly env?: Record<string, string> } = {}): Promise<void> {
  await promisify(execFile)(command, args, { timeout: RUN_WITHIN_MS, cwd: options.cwd ?? ROOT, env: { ...process.env, ...options.env } });
}

function needs(tool: string): string {
  const path = onPath(tool);
  if (path === undefined) throw new NoServiceError(`no ${tool} on PATH: the program of docs/producers.md that needs it is not tried`);
  return path;
}

/** Made once in a folder of the user, named by what it is made from; whole or not at all. */
async function made(recipe: string, make: (folder: string) => Promise<void>): Promise<string> {
  const folder = cacheFolder(`producer-${createHash('sha256').update(recipe).digest('hex').slice(0, 16)}`);
  if (existsSync(folder)) return folder;
  const scratch = `${folder}.${process.pid}`;
  mkdirSync(scratch, { recursive: true });
  await make(scratch).catch((error: Error) => {
    rmSync(scratch, { recursive: true });
    throw new NoServiceError(`what the program needs could not be fetched or built: ${error.message}`, { cause: error });
  });
  renameSync(scratch, folder);
  return folder;
}

const RUN: Readonly<Record<string, (prefix: string, scratch: string) => Promise<void>>> = {
  js: async (prefix) => await ran(process.execPath, ['--input-type=module', '-e', program('js', prefix)]),
  sh: async (prefix) => {
    needs('kcat');
    await ran('sh', ['-c', program('sh', prefix)]);
  },
  python: async (prefix) => {
    const python = needs('python3');
    const install = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-input', '--target'];
    const packages = await made(`confluent-kafka ${CONFLUENT}`, async (folder) => await ran(python, [...install, folder, `confluent-kafka==${CONFLUENT}`]));
    await ran(python, ['-c', program('python', prefix)], { env: { PYTHONPATH: packages } });
  },
  go: async (prefix, scratch) => {
    const go = needs('go');
    // Modules and what was built of them stay in Go's own caches.
    writeFileSync(join(scratch, 'go.mod'), `module report\n\ngo 1.24\n\nrequire github.com/twmb/franz-go ${FRANZ}\n`);
    writeFileSync(join(scratch, 'main.go'), program('go', prefix));
    await ran(go, ['run', '-mod=mod', '.'], { cwd: scratch });
  },
  java: async (prefix, scratch) => {
    const { java, lib } = await prepareKafka();
    const source = join(scratch, 'Report.java');
    writeFileSync(source, program('java', prefix));
    await ran(java, ['-XX:TieredStopAtLevel=1', '-cp', join(lib, '*'), source]);
  },
};

/** Outside CI a language that isn't there is left out, by name. */
async function runHere(context: TestContext, language: string, prefix: string): Promise<void> {
  const scratch = mkdtempSync(join(tmpdir(), 'fuseboard-producer-'));
  context.onTestFinished(() => rmSync(scratch, { recursive: true, force: true }));
  await RUN[language]?.(prefix, scratch).catch((error: unknown) => {
    if (error instanceof NoServiceError) leaveOut(context, error);
    throw error;
  });
}

it.for(Object.keys(RUN))('the program in %s reports outcomes that are read as such, each in its upstream’s partition', { timeout: RUN_WITHIN_MS + 20_000 }, async (language, context) => {
  const { kafka, prefix } = openStage({ partitions: PARTITIONS });
  await kafka.prepare();
  await runHere(context, language, prefix);
  const upstreams = language === 'sh' ? ['payments.shop'] : ['orders.shop', 'payments.shop'];
  const entries = await eventually(async () => {
    const found: LogRecord['entry'][] = [];
    for (let partition = 0; partition < PARTITIONS; partition++) found.push(...(await kafka.reader.read(partition, 0, 10)).map(({ entry }) => entry));
    return found.length >= upstreams.length ? found : undefined;
  }, { what: 'the records' });
  const found = entries.map((entry) => (entry.kind === 'outcome' ? [entry.outcome.upstream, entry.outcome.result] : entry));
  expect(new Map(found as [string, unknown][])).toEqual(new Map(upstreams.map((upstream) => [upstream, resultOf(upstream, language)])));
});

function resultOf(upstream: string, language: string): unknown {
  return upstream === 'orders.shop' || language === 'sh' ? { kind: 'status', code: 503 } : { kind: 'failure', failure: 'refused' };
}
