/**
 * A directory of YAML documents as an input to the control log (C1): what differs by content hash from the latest
 * record of a document is published, what vanished is deleted. A file that can't be read is refused whole, and what it
 * had put in force stays; so is a document whose host belongs to another one.
 */
import { createHash } from 'node:crypto';
import { watch } from 'node:fs';
import type { ControlDraft, ControlLog, Document, DocumentKey } from '#engine';
import { ControlView, Documents, documentKey, hostOf } from '#engine';
import type { Logger } from '#runtime';
import { problemText, readDirectory, readTexts, type DocumentText } from '#wire';

export interface DirectoryOptions {
  /** Undefined: there is none, and only `builtIn` is put in force. */
  readonly path: string | undefined;
  /** Documents that the process brings itself (the demo), under the name of a file. With no path and none of these nothing is touched. */
  readonly builtIn: readonly DocumentText[] | undefined;
  readonly logger: Logger;
}

/** A document and the file that it was read from. */
interface Placed {
  readonly document: Document;
  readonly file: string;
}

type InForce = ControlView['documents'];

/** An editor's save is several events; they are waited out for this long, ms. */
const SETTLE_MS = 50;
/** A watcher may miss what a network file system doesn't tell: the directory is read again this often, ms. */
const READ_AGAIN_MS = 5_000;
/** A character is three bytes at most: below a broker's usual 1 MiB. A document alone may be larger. */
const PIECE_CHARS_MAX = 300_000;
const PIECE_RECORDS_MAX = 1_000;

export class Directory {
  readonly #control: ControlLog;
  readonly #view: ControlView;
  readonly #options: DirectoryOptions;
  /** Document key -> file that it was last read from. */
  readonly #fileOf = new Map<string, string>();
  /** Problems and warnings said already, so that each is said once until it changes. */
  #said = new Set<string>();
  /** Hash of what was read and put in force last; undefined: something of it waits for others to make room. */
  #settled: string | undefined;
  #reading: Promise<void> = Promise.resolve();
  #close: () => void = () => {};

  /** @param view what the process has read of the control log */
  constructor(control: ControlLog, options: DirectoryOptions, view = new ControlView(control)) {
    this.#control = control;
    this.#view = view;
    this.#options = options;
  }

  /** Publishes what is there now, then watches. */
  async start(): Promise<void> {
    const { path, builtIn } = this.#options;
    if (path !== undefined || builtIn !== undefined) await this.#read();
    await this.#view.refresh();
    if (path === undefined) return;
    let settle: NodeJS.Timeout | undefined;
    const watcher = watch(path, { recursive: true }, () => {
      settle ??= setTimeout(() => {
        settle = undefined;
        this.#readSoon();
      }, SETTLE_MS);
    });
    watcher.on('error', (error) => this.#options.logger.warn({ err: error }, `${path} can't be watched; it is read each ${READ_AGAIN_MS / 1_000} s`));
    const again = setInterval(() => this.#readSoon(), READ_AGAIN_MS);
    this.#close = () => {
      watcher.close();
      clearTimeout(settle);
      clearInterval(again);
    };
  }

  /** Control offset up to which what is there has been published; -1: there is nothing. */
  get publishedTo(): number {
    return this.#view.latest;
  }

  async stop(): Promise<void> {
    this.#close();
    await this.#reading;
  }

  #readSoon(): void {
    this.#reading = this.#reading
      .then(() => this.#read())
      .catch((error: unknown) => {
        this.#options.logger.error({ err: error }, 'the documents could not be read or published; what was in force stays');
      });
  }

  /** What is as it was is not held against the log again: of two ingests with different directories the one that changed last wins. */
  async #read(): Promise<void> {
    const files = await this.#files();
    const content = createHash('sha256').update(JSON.stringify(files)).digest('hex');
    if (content === this.#settled) return;
    const readings = readDirectory(files);
    const problems = readings.flatMap((reading) => ('problems' in reading ? reading.problems : []));
    const placed = readings.flatMap((reading) => ('documents' in reading ? reading.documents.map((document) => ({ document, file: reading.file })) : []));
    const warnings = readings.flatMap((reading) => ('warnings' in reading ? reading.warnings : []));
    await this.#view.refresh();
    const { drafts, conflicts } = this.#difference(placed, new Set(problems.map(({ file }) => file)));
    this.#say([
      ...problems.map((problem) => ['error', `${problemText(problem)}; the file is refused, and what was in force stays`] as const),
      ...conflicts.map((conflict) => ['error', conflict] as const),
      ...warnings.map((warning) => ['warn', problemText(warning)] as const),
    ]);
    for (const some of inPieces(drafts)) {
      await this.#control.append(some);
      for (const { change } of some) this.#options.logger.info({ change: change.kind }, `control: ${describe(change)}`);
    }
    this.#settled = conflicts.length === 0 ? content : undefined;
  }

  async #files(): Promise<DocumentText[]> {
    const { path, builtIn = [] } = this.#options;
    return path === undefined ? [...builtIn] : [...builtIn, ...(await readTexts(path))];
  }

  /** Deletions first, so that a host is free for whoever takes it over. */
  #difference(placed: readonly Placed[], badFiles: ReadonlySet<string>): { drafts: ControlDraft[]; conflicts: string[] } {
    const inForce = this.#view.documents;
    const wanted = new Map(placed.map((place) => [documentKey(place.document), place]));
    const vanished = inForce.ofDirectory().filter((document) => !wanted.has(documentKey(document)) && this.#mayDelete(documentKey(document), badFiles));
    const changed = [...wanted.values()].filter(({ document }) => inForce.get(document)?.version !== document.version);
    const { deletions, applied, refused } = this.#settle(inForce, vanished, changed);
    const drafts: ControlDraft[] = [
      ...deletions.map((document) => draft({ kind: 'delete', document: keyOf(document) }, 'no longer as it was in the directory')),
      ...applied.map(({ document, file }) => draft({ kind: 'apply', document }, `as in ${file}`)),
    ];
    const conflicts = [...refused].map(
      ([{ document, file }, holder]) => `${file}: ${nameOf(document)} is refused: its host belongs to ${nameOf(holder)}; allowed: one document for each host`,
    );
    for (const { document, file } of placed) this.#fileOf.set(documentKey(document), file);
    return { drafts, conflicts };
  }

  /**
   * Who gets its host, and who is refused for whose sake. A refused document that was to move stays where it is, which
   * may refuse another: so again, until a round refuses nobody.
   */
  #settle(inForce: InForce, vanished: readonly Document[], changed: readonly Placed[]) {
    const refused = new Map<Placed, Document>();
    if (changed.length === 0) return { deletions: vanished, applied: changed, refused };
    for (;;) {
      const applied = changed.filter((place) => !refused.has(place));
      const moved = applied.filter(({ document }) => hasOtherHost(document, inForce.get(document)));
      const deletions = [...vanished, ...moved.map(({ document }) => document)];
      const after = documentsWithout(inForce, deletions);
      for (const place of applied) {
        const holder = after.holderOf(place.document);
        if (holder === undefined) after.apply({ change: { kind: 'apply', document: place.document } });
        else refused.set(place, holder);
      }
      if (applied.length + refused.size === changed.length) return { deletions, applied, refused };
    }
  }

  /** While a file can't be read, only what is known to come from another file may go. */
  #mayDelete(key: string, badFiles: ReadonlySet<string>): boolean {
    const file = this.#fileOf.get(key);
    return badFiles.size === 0 || (file !== undefined && !badFiles.has(file));
  }

  #say(lines: readonly (readonly ['error' | 'warn', string])[]): void {
    for (const [level, line] of lines) if (!this.#said.has(line)) this.#options.logger[level](line);
    this.#said = new Set(lines.map(([, line]) => line));
  }
}

function documentsWithout(inForce: InForce, gone: readonly Document[]): Documents {
  const keys = new Set(gone.map(documentKey));
  const documents = new Documents();
  for (const document of inForce.list()) if (!keys.has(documentKey(document))) documents.apply({ change: { kind: 'apply', document } });
  return documents;
}

/** What goes to the log at once is one message, whole or not at all, and brokers refuse large ones; what is left when one fails differs the next time. */
function* inPieces(drafts: readonly ControlDraft[]): Iterable<readonly ControlDraft[]> {
  let [piece, chars]: [ControlDraft[], number] = [[], 0];
  for (const each of drafts) {
    const { length } = JSON.stringify(each);
    if (piece.length > 0 && (piece.length >= PIECE_RECORDS_MAX || chars + length > PIECE_CHARS_MAX)) {
      yield piece;
      [piece, chars] = [[], 0];
    }
    piece.push(each);
    chars += length;
  }
  if (piece.length > 0) yield piece;
}

function draft(change: ControlDraft['change'], reason: string): ControlDraft {
  return { author: 'directory', reason, source: 'directory', change };
}

function describe(change: ControlDraft['change']): string {
  if (change.kind === 'apply') return `${nameOf(change.document)} is applied, version ${change.document.version}`;
  return change.kind === 'delete' ? `${nameOf(change.document)} is deleted` : change.kind;
}

function nameOf({ kind, namespace, name }: DocumentKey): string {
  return `${kind} ${namespace}/${name}`;
}

function keyOf({ kind, namespace, name }: DocumentKey): DocumentKey {
  return { kind, namespace, name };
}

function hasOtherHost(a: Document, b: Document | undefined): boolean {
  return b !== undefined && hostOf(a) !== hostOf(b);
}
