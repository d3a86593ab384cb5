/**
 * A process's configuration: flags over environment over the YAML file over defaults, read once, before anything else
 * happens. A bad value stops the start and says which one, what was found and what is allowed. docs/configuration.md
 */
import { randomBytes } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { hostname } from 'node:os';
import type { LostLogHandling } from '#engine';
import { accessConfig, accessProblems, accessWarnings, type Access } from './access/access-config.ts';
import type { Address } from './address.ts';
import { ORS_OF_A_PROXY, consoleFedOf, type ConsoleFedConfig } from './console-fed-config.ts';
import { readConfigFile, type Written } from './config-file.ts';
import { readFlags, type Flags } from './flags.ts';
import { kafkaProblems, kafkaSecurity, type KafkaSecurity } from './kafka-config.ts';
import { must, proxyConfig, proxyProblems, type ProxyConfig } from './proxy-config.ts';
import { redisConfig, redisProblems, type RedisConfig } from './redis-config.ts';
import { SETTINGS, knownVariables, type LogLevel, type Setting, type SettingKey, type Values } from './settings.ts';
import { StartError } from './start-error.ts';
import { suggest } from './suggest.ts';
import { tracingConfig, type TracingConfig } from './tracing-config.ts';

/** Which of Fuseboard's processes this is. */
export type Role = 'standalone' | 'ingest' | 'proxy' | 'console';

export interface Config {
  readonly role: Role;
  /** This process's name: the `reporter` of its outcomes, and in each of its log lines. */
  readonly instance: string;
  readonly logLevel: LogLevel;
  readonly proxyListen: Address;
  readonly consoleListen: Address;
  readonly grpcListen: Address;
  /** Health, readiness and metrics of ingest and proxy. */
  readonly adminListen: Address;
  readonly proxy: ProxyConfig;
  /** A directory of YAML documents, watched; undefined: none. */
  readonly configDir: string | undefined;
  readonly drivers: DriversConfig;
  readonly access: Access;
  /** Run the demo upstream with its policy (standalone only). */
  readonly demo: boolean;
  /** Ingest folds as the hot standby of the others, in a consumer group of its own. */
  readonly isStandby: boolean;
  /** T2: an outcome older than this when it reaches the log is not counted, ms. The same in every ingest of a fleet. */
  readonly lateAfterMs: number;
  /** V1: what to do where a log, or what the store kept of it, is lost. */
  readonly lostLog: LostLogHandling;
  /** Offsets between two checkpoints of a partition. */
  readonly checkpointRecords: number;
  /** V4: state not heard of for longer than this is judged locally, ms. */
  readonly stateMaxAgeMs: number;
  /** Of calls through the proxy; undefined: nothing is traced, and other processes trace nothing. */
  readonly tracing: TracingConfig | undefined;
  /** For the log, once: what was found that has no effect. */
  readonly warnings: readonly string[];
}

/** Which drivers make the ports real. */
export type DriversConfig = EmbeddedConfig | FleetConfig | ConsoleFedConfig;

export interface EmbeddedConfig {
  readonly kind: 'embedded';
  /** A directory, or `:memory:`. */
  readonly dataDir: string;
}

export interface FleetConfig extends RedisConfig {
  readonly kind: 'fleet';
  /** At least one. */
  readonly kafkaBrokers: readonly Address[];
  /** Absent: cleartext, and nobody logs in. */
  readonly kafkaSecurity?: KafkaSecurity;
  readonly topicPrefix: string;
  readonly redisPrefix: string;
  /** Of the outcomes topic (L1); the same in every process of a fleet, and for its whole life. */
  readonly partitions: number;
}

export interface ConfigSources {
  readonly role: Role;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What stands after the process's name; only standalone has flags. */
  readonly argv: readonly string[];
}

/** @throws {StartError} naming each thing that is wrong. */
export function readConfig(sources: ConfigSources): Config {
  const flags = flagsOf(sources);
  const problems: string[] = [];
  const written = collect(sources.env, flags, problems);
  const values = parse(written, problems);
  const access = accessConfig(values, written);
  const parsed = { values, isSet: (key: SettingKey) => written.has(key), access };
  const { statesFrom = 'redis' } = values;
  const drivers = statesFrom === 'redis' ? driversOf(sources.role, parsed, problems) : consoleFedOf(sources.role, { ...parsed, consoles: statesFrom }, problems);
  const servesConsole = sources.role === 'standalone' || sources.role === 'console';
  if (servesConsole) problems.push(...accessProblems(values));
  const servesCalls = sources.role === 'standalone' || sources.role === 'proxy';
  if (servesCalls) problems.push(...proxyProblems(values, sources.role === 'standalone'));
  const tracing = servesCalls ? tracingConfig(sources.env, problems) : undefined;
  checkDirectory(written.get('configDir'), problems);
  if (problems.length > 0) throw new StartError(report(problems));
  return Object.freeze({
    role: sources.role,
    instance: values.instance ?? defaultInstance(),
    logLevel: must(values.logLevel),
    proxyListen: must(values.proxyListen),
    consoleListen: must(values.consoleListen),
    grpcListen: must(values.grpcListen),
    adminListen: must(values.adminListen),
    proxy: proxyConfig(values),
    configDir: values.configDir,
    drivers: Object.freeze(must(drivers)),
    access,
    demo: flags.demo,
    isStandby: sources.role === 'ingest' && values.standby === 'true',
    lateAfterMs: must(values.lateAfter),
    lostLog: must(values.lostLog),
    checkpointRecords: must(values.checkpointRecords),
    stateMaxAgeMs: must(values.stateMaxAge),
    tracing,
    warnings: [...unknownVariables(sources.env), ...(servesConsole ? accessWarnings(values) : [])],
  });
}

/** What the `fuseboard` command reads of a configuration when it opens logs and stores itself. */
export interface StoresConfig extends Pick<Config, 'lateAfterMs'> {
  readonly drivers: EmbeddedConfig | FleetConfig;
}

/**
 * The fleet's where one of its variables is set and no directory is given, else the embedded.
 * @throws {StartError} with exit code 2, naming each thing that is wrong.
 */
export function readStoresConfig(env: ConfigSources['env'], dataDir: string | undefined): StoresConfig {
  const problems: string[] = [];
  const written = collect(env, { values: dataDir === undefined ? {} : { dataDir }, demo: false }, problems);
  const values = parse(written, problems);
  const isFleet = dataDir === undefined && (written.has('kafkaBrokers') || written.has('redisUrl'));
  const drivers = driversOf(isFleet ? 'ingest' : 'standalone', { values, isSet: (key) => isFleet && written.has(key) }, problems);
  if (problems.length > 0) throw new StartError(report(problems), 2);
  return { drivers: must(drivers), lateAfterMs: must(values.lateAfter) };
}

function flagsOf({ role, argv }: ConfigSources): Flags {
  if (role === 'standalone') return readFlags(argv);
  if (argv.length === 0) return { values: {}, demo: false };
  throw new StartError(`found "${argv[0]}", but this process has no flags: its settings are variables, see docs/configuration.md`, 2);
}

function report(problems: readonly string[]): string {
  const [first] = problems;
  if (problems.length === 1) return `Fuseboard can't start. ${first}`;
  return [`Fuseboard can't start, for ${problems.length} reasons:`, ...problems.map((problem) => `  ${problem}`)].join('\n');
}

/** What is written where, by precedence. An empty string is "not set". */
function collect(env: ConfigSources['env'], flags: Flags, problems: string[]): Map<SettingKey, Written> {
  const path = env['FUSEBOARD_CONFIG_FILE'];
  const file = path === undefined || path === '' ? undefined : readConfigFile(path);
  problems.push(...(file?.problems ?? []));
  const written = new Map<SettingKey, Written>();
  for (const [key, of] of settings()) {
    const fromFlag = layer({ plain: flags.values[key], where: of.flag ?? '' });
    const fromEnv = layer({
      plain: env[of.variable],
      where: of.variable,
      ...(of.secret && { secretFile: env[`${of.variable}_FILE`], whereFile: `${of.variable}_FILE` }),
    });
    const [plain, secretFile] = [file?.values.get(key), file?.values.get(`${key}File`)];
    const fromFile = layer({
      plain: plain?.text,
      where: plain?.where ?? key,
      ...(of.secret && { secretFile: secretFile?.text, whereFile: secretFile?.where ?? `${key}File` }),
    });
    const byDefault = of.fallback === undefined ? undefined : { text: of.fallback, where: of.variable };
    const found = fromFlag ?? fromEnv ?? fromFile ?? byDefault;
    if (found === undefined) continue;
    if ('problem' in found) problems.push(found.problem);
    else written.set(key, found);
  }
  return written;
}

interface Layer {
  readonly plain: string | undefined;
  readonly where: string;
  readonly secretFile?: string | undefined;
  readonly whereFile?: string;
}

function layer({ plain, where, secretFile, whereFile }: Layer): Written | { readonly problem: string } | undefined {
  const hasFile = secretFile !== undefined && secretFile !== '';
  const hasPlain = plain !== undefined && plain !== '';
  if (hasPlain && hasFile) return { problem: `${where} and ${whereFile} are both set; allowed: one of them` };
  if (hasPlain) return { text: plain, where };
  return hasFile ? readSecret(secretFile, whereFile ?? where) : undefined;
}

function readSecret(path: string, where: string): Written | { readonly problem: string } {
  try {
    const text = readFileSync(path, 'utf8').trim();
    return text === '' ? { problem: `${where}: ${path} is empty; allowed: a file that holds the secret` } : { text, where, path };
  } catch (error) {
    return { problem: `${where}: ${path} can't be read: ${(error as Error).message}` };
  }
}

export interface Parsed {
  readonly values: Values;
  /** Written somewhere, whether it could be read or not. */
  readonly isSet: (key: SettingKey) => boolean;
}

function parse(written: ReadonlyMap<SettingKey, Written>, problems: string[]): Values {
  const values: Partial<Record<SettingKey, unknown>> = {};
  for (const [key, of] of settings()) {
    const found = written.get(key);
    if (found === undefined) continue;
    const value = of.parse(found.text);
    const shown = of.secret ? 'a value that is none of those (it is secret, and not shown)' : JSON.stringify(found.text);
    if (value === undefined) problems.push(`${found.where}: found ${shown}, allowed: ${of.allowed}`);
    else values[key] = value;
  }
  return values as Values;
}

function driversOf(role: Role, { values, isSet }: Parsed, problems: string[]): EmbeddedConfig | FleetConfig | undefined {
  const set = (['kafkaBrokers', 'redisUrl'] as const).filter(isSet).map((key) => SETTINGS[key].variable);
  const missing = (['kafkaBrokers', 'redisUrl'] as const).filter((key) => !isSet(key)).map((key) => SETTINGS[key].variable);
  if (role === 'standalone') {
    if (set.length === 0) return { kind: 'embedded', dataDir: must(values.dataDir) };
    problems.push(
      `${set.join(' and ')} ${set.length === 1 ? 'is' : 'are'} set, but \`npm start\` runs everything in one process on its own data directory, ` +
        `without Kafka and Redis. Unset ${set.length === 1 ? 'it' : 'them'}, or run the fleet's processes: \`npm run start:ingest\`, \`start:proxy\`, \`start:console\``,
    );
    return undefined;
  }
  if (missing.length === 1) problems.push(`${missing[0]} is not set, but ${set[0]} is; allowed: both or none${role === 'proxy' ? ORS_OF_A_PROXY : ''}`);
  if (missing.length === 2) problems.push(`${missing.join(' and ')} are not set; ${role} needs both. \`npm start\` is Fuseboard in one process, without them`);
  problems.push(...kafkaProblems(values, isSet));
  const { kafkaBrokers, redisUrl, topicPrefix, redisPrefix, partitions } = values;
  problems.push(...redisProblems(values));
  if (kafkaBrokers === undefined || redisUrl === undefined) return undefined;
  return {
    kind: 'fleet',
    kafkaBrokers,
    kafkaSecurity: kafkaSecurity(values),
    ...redisConfig(redisUrl, values),
    topicPrefix: must(topicPrefix),
    redisPrefix: must(redisPrefix),
    partitions: must(partitions),
  };
}

function checkDirectory(written: Written | undefined, problems: string[]): void {
  if (written === undefined) return;
  try {
    if (statSync(written.text).isDirectory()) return;
    problems.push(`${written.where}: found "${written.text}", which is a file; allowed: ${SETTINGS.configDir.allowed}`);
  } catch (error) {
    problems.push(`${written.where}: found "${written.text}", which can't be read (${(error as NodeJS.ErrnoException).code}); allowed: ${SETTINGS.configDir.allowed}`);
  }
}

/** A warning and no error, because Kubernetes itself sets such names (`FUSEBOARD_PORT`) for a service called fuseboard. */
function unknownVariables(env: ConfigSources['env']): string[] {
  const known = knownVariables();
  const unknown = Object.keys(env).filter((name) => name.startsWith('FUSEBOARD_') && !known.includes(name));
  return unknown.toSorted().map((name) => {
    const meant = suggest(name, known);
    return `${name} is set, but there is no such setting${meant === undefined ? '' : `, did you mean ${meant}?`} It has no effect.`;
  });
}

function defaultInstance(): string {
  const host = hostname().replaceAll(/[^A-Za-z0-9._-]/g, '-').slice(0, 100);
  return `${host === '' ? 'fuseboard' : host}-${randomBytes(3).toString('hex')}`;
}

function settings(): [SettingKey, Setting<unknown>][] {
  return Object.entries(SETTINGS) as [SettingKey, Setting<unknown>][];
}
