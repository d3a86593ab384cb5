/**
 * A reader who does what the manual says, in a directory like a checkout, with the commands' own words: `npm ci` was done,
 * `npm start` starts the product and leaves it running, as another terminal would, `npx fuseboard` is the command itself.
 * There is one product for all of it, on free ports.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, openSync, closeSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hostname, tmpdir, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { freePort } from '../data-plane.ts';
import { Program, isReady } from '../program.ts';
import { escaped } from './compare.ts';
import { projectRoot } from '../project-root.ts';

/** Where the manual has things, and its names for who reads it and on which machine. */
const SAID = { proxy: 8080, console: 8090, grpc: 50051, echo: 9000 } as const;
const READER = 'ann';
const MACHINE = 'laptop';
/** A build included. */
const COMMAND_WITHIN_MS = 110_000;

export interface Ran {
  readonly status: number | null;
  readonly output: string;
}

export class Reader {
  readonly directory = mkdtempSync(join(tmpdir(), 'fuseboard-manual-'));
  readonly #ports: Record<keyof typeof SAID, number>;
  readonly #starter: Server;
  /** Process groups of what was run, some of which left something behind. */
  readonly #groups: number[] = [];
  #product: Program | undefined;
  #args = '';

  private constructor(ports: Record<keyof typeof SAID, number>) {
    this.#ports = ports;
    this.#starter = createServer((request, response) => {
      const args = new URL(request.url ?? '', 'http://any').searchParams.getAll('arg');
      this.#start(args).then(
        () => response.end(),
        (error: unknown) => response.writeHead(500).end(String(error)),
      );
    });
  }

  static async sitsDown(): Promise<Reader> {
    const [proxy, console, grpc, echo] = [await freePort(), await freePort(), await freePort(), await freePort()];
    const reader = new Reader({ proxy, console, grpc, echo });
    reader.#starter.listen(0, '127.0.0.1');
    await once(reader.#starter, 'listening');
    reader.#layOut();
    return reader;
  }

  /** As `# NAME` in its first line says. */
  write(text: string): void {
    const [, name] = /^# (\S+)$/m.exec(text) ?? [];
    if (name === undefined) throw new Error('a file to be written begins with a line `# NAME`');
    const path = join(this.directory, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, this.#here(text));
  }

  /** To its end. What it left running goes on until the reader gets up. */
  async run(command: string): Promise<Ran> {
    const path = join(this.directory, '.output');
    const output = openSync(path, 'w');
    const inherited = Object.entries(process.env).filter(([name]) => !/^(?:FUSEBOARD_|NODE_OPTIONS$|FORCE_COLOR$|VITEST|CI$)/.test(name));
    const env = {
      ...Object.fromEntries(inherited),
      PATH: `${join(this.directory, '.bin')}:${process.env['PATH']}`,
      FUSEBOARD_SERVER: `127.0.0.1:${this.#ports.grpc}`,
      FUSEBOARD_INSTANCE: MACHINE,
      // As on a terminal, where its progress is not shown.
      CURL_HOME: this.directory,
      NO_COLOR: '1',
    };
    const child = spawn('bash', ['-c', this.#here(command)], { cwd: this.directory, env, stdio: ['ignore', output, output], detached: true });
    closeSync(output);
    if (child.pid !== undefined) this.#groups.push(child.pid);
    const late = setTimeout(() => child.kill('SIGKILL'), COMMAND_WITHIN_MS);
    const [status] = (await once(child, 'exit')) as [number | null];
    clearTimeout(late);
    return { status, output: this.#there(readFileSync(path, 'utf8')) };
  }

  /** Ends all that was left running. */
  async getUp(): Promise<void> {
    for (const group of this.#groups) {
      try {
        process.kill(-group, 'SIGKILL');
      } catch {
        // It left nothing behind.
      }
    }
    await this.#product?.kill();
    this.#starter.close();
    rmSync(this.directory, { recursive: true, force: true });
  }

  #layOut(): void {
    const root = projectRoot();
    symlinkSync(join(root, 'docs'), join(this.directory, 'docs'));
    symlinkSync(join(root, 'package.json'), join(this.directory, 'package.json'));
    writeFileSync(join(this.directory, '.curlrc'), 'no-progress-meter\n');
    const { port } = this.#starter.address() as AddressInfo;
    const bin = join(this.directory, '.bin');
    mkdirSync(bin);
    const npm = `case "$1" in
  ci) ;;
  start) shift; [ "\${1-}" = -- ] && shift; query=(); for each; do query+=(--data-urlencode "arg=$each"); done
    exec curl -sS --fail-with-body -G "\${query[@]}" http://127.0.0.1:${port}/ ;;
  *) echo "npm $1 is not for the manual's test" >&2; exit 1 ;;
esac`;
    const npx = `[ "$1" = fuseboard ] && shift && exec '${process.execPath}' '${join(root, 'bin/fuseboard.mjs')}' "$@"; echo "npx $1 is not for the manual's test" >&2; exit 1`;
    for (const [name, text] of [['npm', npm], ['npx', npx]] as const) writeFileSync(join(bin, name), `#!/usr/bin/env bash\n${text}\n`, { mode: 0o755 });
  }

  /** With these arguments; where it runs with others, after that one has stopped. */
  async #start(args: readonly string[]): Promise<void> {
    const asked = args.join(' ');
    const isUp = await isReady({ host: '127.0.0.1', port: this.#ports.console }).catch(() => false);
    if (isUp && this.#args === asked) return;
    await (isUp ? this.#product?.stop() : this.#product?.kill());
    const at = (of: keyof typeof SAID): string => `127.0.0.1:${this.#ports[of]}`;
    const own = [...args, '--proxy', at('proxy'), '--console', at('console'), '--grpc', at('grpc')];
    this.#product = new Program({ name: 'standalone', args: own, cwd: this.directory, env: { FUSEBOARD_INSTANCE: MACHINE } });
    this.#args = asked;
    await this.#product.untilReady('console');
  }

  /** As it is on this machine. */
  #here(text: string): string {
    return moved(text, SAID, this.#ports);
  }

  /** As the manual would say it. */
  #there(text: string): string {
    const named = text.replaceAll(new RegExp(`\\b${escaped(hostname())}\\b`, 'g'), MACHINE).replaceAll(new RegExp(`\\b${escaped(userInfo().username)}\\b`, 'g'), READER);
    return moved(named.replace(/^building…\n/, '').replaceAll('\r\n', '\n'), this.#ports, SAID);
  }
}

function moved(text: string, from: Record<keyof typeof SAID, number>, to: Record<keyof typeof SAID, number>): string {
  const names = Object.keys(SAID) as (keyof typeof SAID)[];
  return names.reduce((so, name) => so.replaceAll(`127.0.0.1:${from[name]}`, `127.0.0.1:${to[name]}`), text);
}
