/**
 * The directory that holds everything the embedded driver keeps. One process at a time: it holds a lock for as long
 * as it lives, which the operating system drops whatever ends it, kill -9 included.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { StartError } from '#runtime';
import { addLaterColumns, addLaterTables, createSchema, SCHEMA_VERSION, schemaState } from './schema.ts';

/** Keeps nothing beyond the process's life. */
const IN_MEMORY = ':memory:';
const DATABASE_FILE = 'fuseboard.sqlite';
/** A database of its own, never written: its lock is the only thing about it. The other one stays open to readers. */
const LOCK_FILE = 'fuseboard.lock';
/** Who holds the lock, for the message that the next one gets. */
const PID_FILE = 'fuseboard.pid';

/** How long a statement waits for a person's tool that holds the database, ms. Nobody else writes it. */
const BUSY_TIMEOUT_MS = 1_000;
/** What is left of the write-ahead log's file after a checkpoint, bytes. */
const WAL_KEPT_BYTES_MAX = 16_777_216;

export type DataDirectoryProblem = 'unwritable' | 'held' | 'unknown-schema' | 'damaged';

/** A data directory that can't be used. The message names it and says what to do. */
export class DataDirectoryError extends StartError {
  override readonly name = 'DataDirectoryError';
  readonly problem: DataDirectoryProblem;

  constructor(problem: DataDirectoryProblem, message: string) {
    super(message);
    this.problem = problem;
  }
}

export interface DataDirectory {
  readonly sqlite: DatabaseSync;
  /** Closes the database and lets the directory go. */
  release(): void;
}

/** @throws {DataDirectoryError} */
export function openDataDirectory(dataDir: string): DataDirectory {
  if (dataDir === IN_MEMORY) {
    const sqlite = new DatabaseSync(IN_MEMORY);
    createSchema(sqlite);
    return { sqlite, release: () => sqlite.close() };
  }
  const directory = resolve(dataDir);
  const unlock = hold(directory);
  try {
    const sqlite = openDatabase(directory);
    const release = (): void => {
      sqlite.close();
      unlock();
    };
    return { sqlite, release };
  } catch (error) {
    unlock();
    throw error;
  }
}

/**
 * To look at, whoever has it: nothing is locked, made or written.
 * @throws {DataDirectoryError}
 */
export function openToRead(dataDir: string): DatabaseSync {
  const directory = resolve(dataDir);
  const file = join(directory, DATABASE_FILE);
  if (dataDir === IN_MEMORY || !existsSync(file)) throw new DataDirectoryError('unwritable', `there is no Fuseboard database at ${file}; another directory: --data-dir DIR or FUSEBOARD_DATA_DIR`);
  let sqlite: DatabaseSync | undefined;
  try {
    sqlite = new DatabaseSync(file, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
    const state = schemaState(sqlite);
    if (state.kind !== 'current') throw unknownSchema(directory, state.kind === 'unknown' ? state.version : 0);
    return sqlite;
  } catch (error) {
    sqlite?.close();
    throw error instanceof DataDirectoryError ? error : problemOf(directory, error);
  }
}

/** Makes the directory if need be, and locks it. Gives what lets it go. */
function hold(directory: string): () => void {
  let lock: DatabaseSync | undefined;
  try {
    makeDirectory(directory);
    lock = new DatabaseSync(join(directory, LOCK_FILE), { timeout: 0 });
    lock.exec('BEGIN EXCLUSIVE');
    writeFileSync(join(directory, PID_FILE), `${process.pid}\n`);
  } catch (error) {
    lock?.close();
    throw problemOf(directory, error);
  }
  return () => {
    rmSync(join(directory, PID_FILE), { force: true });
    lock.close();
  };
}

/** Not `recursive`: that never returns for a path below a directory that takes no new ones (/proc). */
function makeDirectory(directory: string): void {
  if (existsSync(directory)) {
    if (statSync(directory).isDirectory()) return;
    throw new Error('it is a file, and no directory');
  }
  const parent = dirname(directory);
  if (parent !== directory) makeDirectory(parent);
  try {
    mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    // Another process made it just now.
    if (!existsSync(directory)) throw error;
  }
}

function openDatabase(directory: string): DatabaseSync {
  let sqlite: DatabaseSync | undefined;
  try {
    sqlite = new DatabaseSync(join(directory, DATABASE_FILE), { timeout: BUSY_TIMEOUT_MS });
    const state = schemaState(sqlite);
    if (state.kind === 'unknown') throw unknownSchema(directory, state.version);
    // NORMAL: what is committed survives the end of the process at any moment; a power cut may take the last commits.
    sqlite.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = ${WAL_KEPT_BYTES_MAX}`);
    if (state.kind === 'empty') createSchema(sqlite);
    else addLaterTables(sqlite);
    // A file that may only be read opens all the same, and says so here.
    sqlite.exec('BEGIN IMMEDIATE; COMMIT');
    addLaterColumns(sqlite);
    return sqlite;
  } catch (error) {
    sqlite?.close();
    throw error instanceof DataDirectoryError ? error : problemOf(directory, error);
  }
}

function unknownSchema(directory: string, version: number): DataDirectoryError {
  const file = join(directory, DATABASE_FILE);
  return new DataDirectoryError(
    'unknown-schema',
    `${file} has schema version ${version}, and this Fuseboard knows version ${SCHEMA_VERSION}. ` +
      'Run the Fuseboard that wrote it, or start with another directory (--data DIR or FUSEBOARD_DATA_DIR); nothing was changed.',
  );
}

/** SQLite's primary result codes. */
const BUSY = 5;
const CORRUPT = 11;
const NOT_A_DATABASE = 26;

function problemOf(directory: string, error: unknown): DataDirectoryError {
  const { errcode = 0, message } = error as { errcode?: number; message: string };
  switch (errcode & 0xff) {
    case BUSY:
      return new DataDirectoryError(
        'held',
        `the data directory ${directory} is held by another process${holderOf(directory)}. ` +
          'Stop that one first, or give this one a directory of its own (--data DIR or FUSEBOARD_DATA_DIR).',
      );
    case CORRUPT:
    case NOT_A_DATABASE:
      return new DataDirectoryError(
        'damaged',
        `the data directory ${directory} holds a file that is damaged or is no Fuseboard database (${message}). ` +
          `Put ${DATABASE_FILE} back from a copy, or start with another directory (--data DIR or FUSEBOARD_DATA_DIR).`,
      );
    default:
      return new DataDirectoryError(
        'unwritable',
        `the data directory ${directory} can't be written (${message}). Make it writable for this user, ` +
          'or choose another one (--data DIR or FUSEBOARD_DATA_DIR; --data :memory: keeps nothing).',
      );
  }
}

/** Best effort: the holder may be about to write it. */
function holderOf(directory: string): string {
  try {
    const pid = readFileSync(join(directory, PID_FILE), 'utf8').trim();
    return /^\d+$/.test(pid) ? ` (pid ${pid})` : '';
  } catch {
    return '';
  }
}
