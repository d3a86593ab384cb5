import { afterEach, expect, test, vi } from 'vitest';
import { readFlags } from './flags.ts';

afterEach(() => void vi.restoreAllMocks());

test('--help tells every flag and its default, and ends the process with 0', () => {
  let printed = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => ((printed += String(text)), true));
  const ended = new Error('the process has ended');
  const exit = vi.spyOn(process, 'exit').mockImplementation(() => { throw ended; });
  expect(() => readFlags(['--no-demo', '--help'])).toThrow(ended);
  expect(exit.mock.calls).toEqual([[0]]);
  expect(printed.match(/--[a-z-]+/g)).toEqual(expect.arrayContaining(['--config', '--data', '--proxy', '--console', '--grpc', '--no-demo']));
  expect(printed).toContain('127.0.0.1:8080');
});

test('a flag that is not there is no reason to end it, but an error that says where help is', () => {
  expect(() => readFlags(['--proxi', 'x'])).toThrow(expect.objectContaining({ exitCode: 2, message: expect.stringMatching(/unknown option '--proxi'[^]*See `npm start -- --help`\.$/) as string }));
});
