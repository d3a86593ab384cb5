/**
 * A directory of documents as an input to the control log (C1), on a real directory and the real embedded log.
 */
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { openEmbedded, type Embedded } from '#drivers';
import type { ControlDraft } from '#engine';
import { createLogger } from '#runtime';
import { readDocument } from '#wire';
import { Directory } from '../../apps/ingest/src/directory.ts';

const policy = (name: string, host: string, spec = 'errorAmountThreshold: 10'): string => `---
apiVersion: policy.openservicemesh.io/v1alpha1
kind: UpstreamTrafficSetting
metadata: { name: ${name}, namespace: default }
spec:
  host: ${host}
  connectionSettings: { http: { circuitBreaking: { ${spec} } } }
`;

describe('a directory of documents', () => {
  let path: string;
  let log: Embedded;
  let lines: { level: string; msg: string }[];
  const started: Directory[] = [];
  beforeEach(() => {
    path = mkdtempSync(join(tmpdir(), 'fuseboard-directory-'));
    log = openEmbedded({ dataDir: ':memory:' });
    lines = [];
  });
  afterEach(async () => {
    for (const directory of started.splice(0)) await directory.stop();
    await log.close();
    rmSync(path, { recursive: true, force: true });
  });

  const write = (file: string, text: string): void => writeFileSync(join(path, file), text);
  async function start(builtIn?: { file: string; text: string }[], at: string | undefined = path): Promise<Directory> {
    const destination = new Writable({ write: (chunk, _, done) => (lines.push(JSON.parse(String(chunk))), done()) });
    const logger = createLogger({ level: 'info', process: 'test', instance: 'test', pretty: false, destination });
    const directory = new Directory(log.control, { path: at, builtIn, logger });
    started.push(directory);
    await directory.start();
    return directory;
  }
  async function history(): Promise<string[]> {
    const records = await log.control.read(0);
    return records.map(({ change, source }) => {
      const of = change.kind === 'apply' || change.kind === 'delete' ? change.document.name : '';
      return `${source} ${change.kind} ${of}`;
    });
  }
  const becomes = (...expected: string[]): Promise<void> => vi.waitFor(async () => expect(await history()).toEqual(expected), { timeout: 15_000, interval: 20 });
  const said = (level: string): string[] => lines.filter((line) => line.level === level).map(({ msg }) => msg);

  test('is published at the start, with source `directory`, and once only', async () => {
    write('a.yaml', policy('a', 'a.local') + policy('b', 'b.local'));
    await start();
    await becomes('directory apply a', 'directory apply b');
    await (await start()).stop();
    expect(await history()).toHaveLength(2);
  });

  test('of thousands of documents is published in pieces that a broker takes, each document once', async () => {
    const pieces: ControlDraft[][] = [];
    const control = {
      append: (drafts: readonly ControlDraft[]) => (pieces.push([...drafts]), log.control.append(drafts)),
      read: (from: number) => log.control.read(from),
      onNews: (listener: () => void) => log.control.onNews(listener),
    };
    for (let file = 0; file < 3; file++) write(`${file}.yaml`, Array.from({ length: 1_000 }, (_, n) => policy(`p${file}-${n}`, `h${file}-${n}.local`)).join(''));
    for (const large of ['x', 'y']) write(`${large}.yaml`, policy(large, `${large}.local`, `errorAmountThreshold: 10, degradedResponseContent: "${large.repeat(60_000)}"`));
    const directory = new Directory(control, { path, builtIn: undefined, logger: createLogger({ level: 'error', process: 'test', instance: 'test', pretty: false, destination: new Writable({ write: (_chunk, _, done) => done() }) }) });
    started.push(directory);
    await directory.start();
    expect(pieces.length).toBeGreaterThanOrEqual(4);
    for (const piece of pieces) expect([piece.length <= 1_000, JSON.stringify(piece).length < 2 ** 20]).toEqual([true, true]);
    const names = pieces.flat().map(({ change }) => (change.kind === 'apply' ? change.document.name : ''));
    expect(new Set(names).size).toBe(3_002);
    expect(await history()).toHaveLength(3_002);
  });

  test('of another ingest, with other content, is not undone by one that has not changed: no two of them take turns', async () => {
    write('a.yaml', policy('a', 'a.local'));
    const other = mkdtempSync(join(tmpdir(), 'fuseboard-directory-'));
    onTestFinished(() => rmSync(other, { recursive: true, force: true }));
    writeFileSync(join(other, 'a.yaml'), policy('a', 'a.local', 'errorAmountThreshold: 20'));
    await start();
    await start(undefined, other);
    await becomes('directory apply a', 'directory apply a');
    // Both read again.
    write('notes.txt', 'not a document');
    writeFileSync(join(other, 'b.yaml'), policy('b', 'b.local'));
    await becomes('directory apply a', 'directory apply a', 'directory apply b');
  });

  test('that is not there takes nothing back of what others published', async () => {
    write('a.yaml', policy('a', 'a.local'));
    await start();
    const logger = createLogger({ level: 'silent', process: 'test', instance: 'test' });
    const none = new Directory(log.control, { path: undefined, builtIn: undefined, logger });
    await none.start();
    await none.stop();
    expect(none.publishedTo).toBe(0);
    expect(await history()).toEqual(['directory apply a']);
  });

  test('is watched: what is added, changed, deleted and applied again is published', async () => {
    await start();
    write('a.yaml', policy('a', 'a.local'));
    await becomes('directory apply a');
    write('a.yaml', policy('a', 'a.local', 'errorAmountThreshold: 20'));
    await becomes('directory apply a', 'directory apply a');
    rmSync(join(path, 'a.yaml'));
    await becomes('directory apply a', 'directory apply a', 'directory delete a');
    write('a.yaml', policy('a', 'a.local', 'errorAmountThreshold: 20'));
    await becomes('directory apply a', 'directory apply a', 'directory delete a', 'directory apply a');
  });

  test('the same content written again publishes nothing', async () => {
    write('a.yaml', policy('a', 'a.local'));
    await start();
    write('a.yaml', `# a comment\n${policy('a', 'a.local')}`);
    write('b.yaml', policy('b', 'b.local'));
    await becomes('directory apply a', 'directory apply b');
  });

  test('subdirectories count, other files and hidden ones don’t, and a file put in place by rename is seen', async () => {
    mkdirSync(join(path, 'team'));
    mkdirSync(join(path, '.hidden'));
    write('team/a.yml', policy('a', 'a.local'));
    write('.hidden/b.yaml', policy('b', 'b.local'));
    write('notes.txt', 'not a document');
    await start();
    await becomes('directory apply a');
    write('c.yaml.part', policy('c', 'c.local'));
    renameSync(join(path, 'c.yaml.part'), join(path, 'c.yaml'));
    await becomes('directory apply a', 'directory apply c');
  });

  test('a bad file is refused whole, with file, line, field and what is allowed, and what was in force stays', async () => {
    write('a.yaml', policy('a', 'a.local') + policy('b', 'b.local'));
    await start();
    write('a.yaml', policy('a', 'a.local', 'errorAmountThreshold: 20') + policy('b', 'b.local', 'statTimeWindow: 30 seconds'));
    await vi.waitFor(() => expect(said('error')).not.toEqual([]), { timeout: 15_000 });
    const [message] = said('error');
    expect(message).toContain('a.yaml:14:');
    expect(message).toContain('spec.connectionSettings.http.circuitBreaking.statTimeWindow');
    expect(message).toMatch(/30 seconds.*(1m30s|duration)/s);
    expect(message).toContain('what was in force stays');
    expect(await history()).toEqual(['directory apply a', 'directory apply b']);
    write('a.yaml', policy('a', 'a.local', 'errorAmountThreshold: 20'));
    await becomes('directory apply a', 'directory apply b', 'directory delete b', 'directory apply a');
  });

  test('a file that is bad from the start takes nothing out of force', async () => {
    write('a.yaml', policy('a', 'a.local'));
    await (await start()).stop();
    write('a.yaml', 'kind: [');
    await start();
    expect(await history()).toEqual(['directory apply a']);
    expect(said('error')).toHaveLength(1);
  });

  test('a problem is said once, not at every reading', async () => {
    write('bad.yaml', 'kind: Nothing');
    await start();
    write('a.yaml', policy('a', 'a.local'));
    write('b.yaml', policy('b', 'b.local'));
    await becomes('directory apply a', 'directory apply b');
    expect(said('error')).toHaveLength(1);
  });

  test('a field without effect is said once, as a warning that names it', async () => {
    write('a.yaml', `${policy('a', 'a.local')}  rateLimit: { local: { tcp: { connections: 1, unit: second } } }\n`);
    write('u.yaml', 'apiVersion: fuseboard.dev/v1\nkind: Upstream\nmetadata: { name: u }\nspec: { host: a.local }\n');
    await start();
    expect(said('warn').join()).toContain('spec.rateLimit.local.tcp: has no effect on Upstream default/u: it has no listener of its own');
    write('b.yaml', policy('b', 'b.local'));
    await becomes('directory apply a', 'directory apply u', 'directory apply b');
    expect(said('warn')).toHaveLength(1);
  });

  test('two documents that swap their hosts get them', async () => {
    write('a.yaml', policy('a', 'x.local') + policy('b', 'y.local'));
    await start();
    write('a.yaml', policy('a', 'y.local') + policy('b', 'x.local'));
    await becomes('directory apply a', 'directory apply b', 'directory delete a', 'directory delete b', 'directory apply a', 'directory apply b');
  });

  test('a host that an API document holds is refused to the directory, and the holder named', async () => {
    const read = readDocument({
      apiVersion: 'policy.openservicemesh.io/v1alpha1',
      kind: 'UpstreamTrafficSetting',
      metadata: { name: 'by-hand', namespace: 'default' },
      spec: { host: 'a.local', connectionSettings: { http: { circuitBreaking: { errorAmountThreshold: 1 } } } },
    });
    if (!('document' in read)) throw new Error(JSON.stringify(read));
    const draft: ControlDraft = { author: 'somebody', reason: 'test', source: 'api', change: { kind: 'apply', document: read.document } };
    await log.control.append([draft]);
    write('a.yaml', policy('a', 'a.local') + policy('b', 'b.local'));
    await start();
    await becomes('api apply by-hand', 'directory apply b');
    expect(said('error').join()).toMatch(/default\/a is refused.*default\/by-hand/);
  });

  test('a document that moves to a host of another one is refused, so is one that moves to its, and what they had put in force stays', async () => {
    for (const name of ['a', 'b', 'c']) write(`${name}.yaml`, policy(name, `${name}.local`));
    await start();
    write('a.yaml', policy('a', 'b.local'));
    write('c.yaml', policy('c', 'a.local'));
    write('d.yaml', policy('d', 'd.local'));
    await becomes('directory apply a', 'directory apply b', 'directory apply c', 'directory apply d');
    expect(said('error').join()).toMatch(/default\/a is refused.*default\/b[\s\S]*default\/c is refused.*default\/a/);
  });

  test('documents of the API are not deleted for not being in the directory; the process’s own are when it no longer brings them', async () => {
    await (await start([{ file: 'the demo', text: policy('demo', 'demo.local') }])).stop();
    await start();
    await becomes('directory apply demo', 'directory delete demo');
  });

  test('without a directory the process’s own documents alone are in force', async () => {
    await start([{ file: 'the demo', text: policy('demo', 'demo.local') }], undefined);
    await becomes('directory apply demo');
  });
});
