import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readConfig, type Config } from '#runtime';

let directory: string;
beforeAll(() => void (directory = mkdtempSync(join(tmpdir(), 'fuseboard-config-'))));
afterAll(() => rmSync(directory, { recursive: true }));

let files = 0;
function file(content: string): string {
  files += 1;
  const path = join(directory, `${files}.yaml`);
  writeFileSync(path, content);
  return path;
}

function read(content: string, env: Record<string, string> = {}, argv: readonly string[] = []): Config {
  return readConfig({ role: 'standalone', argv, env: { FUSEBOARD_CONFIG_FILE: file(content), ...env } });
}

describe('the YAML file', () => {
  it('rules over the defaults, and gives way to environment and flags', () => {
    const content = 'proxyListen: 127.0.0.1:1\nconsoleListen: 127.0.0.1:2\ngrpcListen: "127.0.0.1:3"\nlogLevel: warn\n';
    const config = read(content, { FUSEBOARD_CONSOLE_LISTEN: '127.0.0.1:22' }, ['--grpc', '127.0.0.1:33']);
    expect([config.proxyListen.port, config.consoleListen.port, config.grpcListen.port, config.logLevel]).toEqual([1, 22, 33, 'warn']);
  });

  it('may be empty, and a key without value is "not set"', () => {
    expect(read('').proxyListen.port).toBe(8080);
    expect(read('proxyListen:\n').proxyListen.port).toBe(8080);
  });

  it('takes brokers as a list', () => {
    const path = file('kafkaBrokers: [kafka-1:9092, kafka-2:9092]\nredisUrl: redis://r\n');
    const { drivers } = readConfig({ role: 'ingest', argv: [], env: { FUSEBOARD_CONFIG_FILE: path } });
    expect(drivers).toMatchObject({ kafkaBrokers: [{ host: 'kafka-1', port: 9092 }, { host: 'kafka-2', port: 9092 }] });
  });

  it.each([
    ['proxyLisen: 127.0.0.1:1\n', /proxyLisen in \S+:1:1: there is no such setting, did you mean proxyListen\?/],
    ['logLevel: info\ncolour: red\n', /colour in \S+:2:1: there is no such setting; allowed: proxyListen, consoleListen/],
    ['proxyListen: 8080\n', /proxyListen in \S+:1:1: found "8080", allowed: HOST:PORT/],
    ['proxyListen: {host: x}\n', /proxyListen in \S+:1:1: found a mapping, allowed: HOST:PORT/],
    ['- a\n- b\n', /\S+:1:1: found no mapping; allowed: lines such as "proxyListen: 127.0.0.1:8080"/],
    ['logLevel: info\nlogLevel: warn\n', /\S+:2:1: Map keys must be unique/],
    ['logLevel: "info\n', /\S+:\d+:\d+: Missing closing "quote/],
  ])('%j is refused, and the message says where', (content, message) => {
    expect(() => read(content)).toThrow(message);
  });
});

describe('a secret in a file', () => {
  it('is read without the line break at its end', () => {
    const secret = file('hush\n');
    expect(read('', { FUSEBOARD_TOKEN_FILE: secret }).access.tokens.write?.shown().reveal()).toBe('hush');
    expect(read(`tokenFile: ${secret}\n`).access.tokens.write?.shown().reveal()).toBe('hush');
  });

  it('of the environment rules over one of the file', () => {
    expect(read('token: from-file\n', { FUSEBOARD_TOKEN_FILE: file('from-env') }).access.tokens.write?.shown().reveal()).toBe('from-env');
  });

  it('is refused where there is a value too, or where the file is empty', () => {
    expect(() => read(`token: a\ntokenFile: ${file('b')}\n`)).toThrow(/token in \S+ and tokenFile in \S+ are both set; allowed: one of them/);
    expect(() => read('', { FUSEBOARD_TOKEN_FILE: file('\n') })).toThrow(/FUSEBOARD_TOKEN_FILE: \S+ is empty; allowed: a file that holds the secret/);
  });
});

describe('FUSEBOARD_CONFIG_DIR', () => {
  it('must be a directory', () => {
    expect(read('', { FUSEBOARD_CONFIG_DIR: directory }).configDir).toBe(directory);
    const path = file('');
    expect(() => read('', {}, ['--config', path])).toThrow(`--config: found "${path}", which is a file; allowed: a directory that can be read`);
  });
});
