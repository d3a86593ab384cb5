/** compose.yaml as a user brings it up, as a project of its own: containers, network, volumes, image and ports. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { onDeath } from './services/on-death.ts';
import { restartablePort } from './services/server-process.ts';

const ROOT = join(import.meta.dirname, '../..');
const PORTS = ['PROXY_1_PORT', 'PROXY_2_PORT', 'CONSOLE_PORT', 'GRPC_PORT', 'KAFKA_PORT', 'REDIS_PORT'] as const;
/** Handed on to the build where they are set here: npm may need them to reach its registry. */
const PROXY_VARIABLES = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy'];
/** How long one command may take, ms: images may have to come from a registry. */
const COMMAND_WITHIN_MS = 900_000;
const OUTPUT_MAX_BYTES = 67_108_864;

type Ports = Readonly<Record<(typeof PORTS)[number], number>>;

export class ComposeProject {
  readonly name: string;
  readonly ports: Ports;
  readonly #release: () => void;

  private constructor(name: string, ports: Ports) {
    this.name = name;
    this.ports = ports;
    this.#release = onDeath(['docker', ...this.#arguments('down', '--volumes', '--timeout', '1')]);
  }

  static async create(): Promise<ComposeProject> {
    const ports = await Promise.all(PORTS.map(async (name) => [name, await restartablePort()] as const));
    return new ComposeProject(`fuseboard-test-${randomBytes(4).toString('hex')}`, Object.fromEntries(ports) as Ports);
  }

  /** Builds, starts, and waits until all is healthy. */
  async up(): Promise<void> {
    const set = PROXY_VARIABLES.filter((name) => (process.env[name] ?? '') !== '');
    await this.run('build', '--quiet', ...set.flatMap((name) => ['--build-arg', name]));
    await this.run('up', '--wait', '--quiet-pull');
  }

  /** `docker compose …` of this project. @throws Error with all that it and the containers printed. */
  async run(...command: readonly string[]): Promise<string> {
    return await this.#docker(...this.#arguments(...command)).catch(async (error: unknown) => {
      const logs = await this.#docker(...this.#arguments('logs', '--no-color', '--tail', '50')).catch(String);
      throw new Error(`${String(error)}\n${logs}`, { cause: error });
    });
  }

  /** Runs a program in a service's container. Gives what it printed, or undefined where it ended with other than 0. */
  async exec(service: string, ...command: readonly string[]): Promise<string | undefined> {
    return await this.#docker(...this.#arguments('exec', '-T', service, ...command)).catch(() => undefined);
  }

  /** Containers, networks and volumes of this project that there are, running or not. */
  async leftovers(): Promise<string[]> {
    const lists = [['container', 'ls', '--all', '--format', '{{.Names}}'], ['network', 'ls', '--format', '{{.Name}}'], ['volume', 'ls', '--format', '{{.Name}}']];
    const found = await Promise.all(lists.map((list) => this.#docker(...list, '--filter', `label=com.docker.compose.project=${this.name}`)));
    return found.flatMap((names) => names.split('\n').filter((name) => name !== ''));
  }

  /** Takes all of it down, the image too. Harmless where it isn't there. */
  async remove(): Promise<void> {
    await this.run('down', '--volumes', '--timeout', '1');
    await this.#docker('image', 'rm', '--force', this.name);
    this.#release();
  }

  #arguments(...command: readonly string[]): string[] {
    return ['compose', '--project-name', this.name, '--file', join(ROOT, 'compose.yaml'), ...command];
  }

  async #docker(...command: readonly string[]): Promise<string> {
    const env = { ...process.env, ...Object.fromEntries(Object.entries(this.ports).map(([name, port]) => [name, `${port}`])), CONFIG_DIR: './docker/config' };
    const { stdout } = await promisify(execFile)('docker', command, { cwd: ROOT, env, timeout: COMMAND_WITHIN_MS, maxBuffer: OUTPUT_MAX_BYTES });
    return stdout;
  }
}
