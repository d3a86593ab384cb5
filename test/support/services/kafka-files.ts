/**
 * What a local Kafka is started from, made once and kept in a cache folder of the user: the jars (Maven Central), a
 * formatted data folder to copy, and a class archive of this JDK (AppCDS), which halves the start. All of it is made
 * again when this recipe or the JDK changes.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { KAFKA_SETTINGS, startBroker, writeSettings } from './kafka-broker.ts';
import { NoServiceError, onPath } from './no-service.ts';
import { restartablePort } from './server-process.ts';

const VERSION = '4.4.0';
const JAVA_MIN = 17;

const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>fuseboard.test</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${VERSION}</version></dependency>
    <dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>2.25.5</version></dependency>
  </dependencies>
</project>
`;

const LOG4J = `status = error
appenders = console
appender.console.type = Console
appender.console.name = out
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{HH:mm:ss.SSS} %p %c{1} %m%n
rootLogger.level = WARN
rootLogger.appenderRefs = out
rootLogger.appenderRef.out.ref = out
`;

/** All brokers have it; none ever sees another. */
const CLUSTER_ID = 'RnVzZWJvYXJkLXRlc3RzIQ';
const JVM_FLAGS = ['-XX:+UseSerialGC', '-Xshare:auto', '-Xlog:disable', '-Xlog:all=error:stderr'];

/** What waits for another process's preparation gives up after, ms. */
const LOCK_WITHIN_MS = 600_000;
const SQLITE_BUSY = 5;
/** One step (a download, a format), ms. */
const STEP_WITHIN_MS = 600_000;

export interface KafkaFiles {
  readonly java: string;
  /** In front of the main class. */
  readonly jvmArgs: readonly string[];
  /** A formatted data folder, to be copied. */
  readonly template: string;
  /** Folder of its jars. */
  readonly lib: string;
  /** Formats an empty data folder with logins of its own in it: `--add-scram` and such. */
  format(settingsFile: string, args: readonly string[]): Promise<void>;
}

/**
 * Makes what is missing.
 * @param say is told what takes long.
 * @throws NoServiceError where there is no JDK, or no Maven for a first download, or the download fails.
 */
export async function prepareKafka(say: (line: string) => void = () => undefined): Promise<KafkaFiles> {
  const folder = cacheFolder(`kafka-${VERSION}`);
  const java = findJava();
  const files = new Preparation(folder, java);
  if (files.isDone()) return files;
  mkdirSync(folder, { recursive: true });
  await locked(join(folder, 'lock'), async () => {
    if (!files.isDone()) await files.make(say);
  });
  return files;
}

class Preparation implements KafkaFiles {
  readonly java: string;
  readonly #folder: string;

  constructor(folder: string, java: string) {
    this.#folder = folder;
    this.java = java;
  }

  get template(): string {
    return this.#in('template');
  }

  get lib(): string {
    return this.#in('lib');
  }

  get jvmArgs(): readonly string[] {
    return [...this.#plainArgs, `-XX:SharedArchiveFile=${this.#in('classes.jsa')}`];
  }

  isDone(): boolean {
    const made = this.#in('made');
    return existsSync(made) && readFileSync(made, 'utf8') === this.#recipe;
  }

  async make(say: (line: string) => void): Promise<void> {
    const startedMs = performance.now();
    rmSync(this.#in('made'), { force: true });
    await checkJava(this.java);
    if (!existsSync(this.#in('lib/complete'))) {
      say(`fetching Kafka ${VERSION} from Maven Central into ${this.#folder}…`);
      await this.#fetchJars();
    }
    await this.#format();
    await this.#archiveClasses();
    writeFileSync(this.#in('made'), this.#recipe);
    say(`Kafka ${VERSION} is prepared (${((performance.now() - startedMs) / 1000).toFixed(1)} s)`);
  }

  /** The archive holds for this order of the jars alone. */
  get #plainArgs(): string[] {
    const jars = readdirSync(this.lib).filter((name) => name.endsWith('.jar')).toSorted();
    return [...JVM_FLAGS, `-Dlog4j2.configurationFile=${this.#in('log4j2.properties')}`, '-cp', jars.map((jar) => join(this.lib, jar)).join(':')];
  }

  get #recipe(): string {
    return createHash('sha256').update([POM, LOG4J, JSON.stringify(KAFKA_SETTINGS), ...JVM_FLAGS, realpathSync(this.java), this.#folder].join('\0')).digest('hex');
  }

  #in(name: string): string {
    return join(this.#folder, name);
  }

  async #fetchJars(): Promise<void> {
    if (onPath('mvn') === undefined) throw new NoServiceError("no Maven (mvn) on PATH, which fetches Kafka's jars (Debian: apt-get install maven)");
    rmSync(this.#in('lib'), { recursive: true, force: true });
    writeFileSync(this.#in('pom.xml'), POM);
    const goal = ['dependency:copy-dependencies', `-DoutputDirectory=${this.#in('lib')}`, '-DincludeScope=runtime'];
    await ran('mvn', ['-q', '-B', '-ntp', '-f', this.#in('pom.xml'), ...goal]).catch((error: Error) => {
      throw new NoServiceError(`Maven could not fetch Kafka's jars: ${error.message}`, { cause: error });
    });
    writeFileSync(this.#in('lib/complete'), '');
  }

  async format(settingsFile: string, args: readonly string[]): Promise<void> {
    await ran(this.java, [...this.#plainArgs, 'kafka.tools.StorageTool', 'format', '-t', CLUSTER_ID, '-c', settingsFile, ...args]);
  }

  async #format(): Promise<void> {
    writeFileSync(this.#in('log4j2.properties'), LOG4J);
    rmSync(this.template, { recursive: true, force: true });
    await inScratch(async (folder) => {
      // The ports are not kept in what is formatted.
      const settings = writeSettings({ folder, port: 9092, controllerPort: 9093 });
      await this.format(settings, []);
      cpSync(join(folder, 'data'), this.template, { recursive: true });
    });
  }

  /** A first start and stop of a broker, whose classes the JVM writes down at its end. */
  async #archiveClasses(): Promise<void> {
    rmSync(this.#in('classes.jsa'), { force: true });
    await inScratch(async (folder) => {
      cpSync(this.template, join(folder, 'data'), { recursive: true });
      const jvmArgs = [`-XX:ArchiveClassesAtExit=${this.#in('classes.jsa')}`, '-Xmx384m', ...this.#plainArgs];
      const [port, controllerPort] = [await restartablePort(), await restartablePort()];
      const broker = await startBroker({ java: this.java, jvmArgs, folder, port, controllerPort });
      await broker.stop();
    });
  }
}

async function inScratch(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'fuseboard-kafka-'));
  try {
    await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What tests fetch once and keep, in a folder of the user. */
export function cacheFolder(name: string): string {
  const given = process.env['XDG_CACHE_HOME'] ?? '';
  return join(given === '' ? join(homedir(), '.cache') : given, 'fuseboard', name);
}

function findJava(): string {
  const home = process.env['JAVA_HOME'] ?? '';
  const java = home === '' ? onPath('java') : join(home, 'bin/java');
  if (java === undefined || !existsSync(java)) throw new NoServiceError(`no java ${home === '' ? 'on PATH' : 'in JAVA_HOME'} (Debian: apt-get install default-jdk-headless)`);
  return java;
}

async function checkJava(java: string): Promise<void> {
  const said = await ran(java, ['-version']);
  const version = Number(/version "(\d+)/.exec(said)?.[1]);
  if (!(version >= JAVA_MIN)) throw new NoServiceError(`${java} is of version ${version}; Kafka ${VERSION} needs ${JAVA_MIN} or later`);
}

/** Gives what it printed. @throws Error with what it printed, where it fails. */
async function ran(command: string, args: readonly string[]): Promise<string> {
  const { stdout, stderr } = await promisify(execFile)(command, args, { timeout: STEP_WITHIN_MS });
  return stdout + stderr;
}

/** One process at a time; SQLite's lock on a file ends with its holder, however that ends. */
async function locked(path: string, work: () => Promise<void>): Promise<void> {
  const lock = new DatabaseSync(path);
  const endMs = performance.now() + LOCK_WITHIN_MS;
  try {
    while (!tookLock(lock)) {
      if (performance.now() > endMs) throw new Error(`another process still prepares Kafka after ${LOCK_WITHIN_MS} ms (${path})`);
      await sleep(100);
    }
    await work();
  } finally {
    lock.close();
  }
}

function tookLock(lock: DatabaseSync): boolean {
  try {
    lock.exec('BEGIN EXCLUSIVE');
    return true;
  } catch (error) {
    if ((error as { errcode?: number }).errcode === SQLITE_BUSY) return false;
    throw error;
  }
}
