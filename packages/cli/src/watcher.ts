/**
 * Watches files and tells, once for many changes at a time, that something is new.
 *
 * Owns the only use of chokidar. Below a folder that is watched because nobody named another, only the files of programs count, or a
 * service that writes into its own folder would be reloaded for ever; of a path that somebody names, everything does. What is in
 * node_modules, and files and folders whose names begin with a dot, never count unless they are named themselves.
 */
import path from 'node:path';
import { type FSWatcher, watch } from 'chokidar';

/** After a change there must be silence for so long, for editors write in several steps, ms. */
const SILENCE_MS = 100;
/** Silence that does not come is waited for so long, ms. */
const PATIENCE_MS = 2_000;

/** So many files are named. */
const MAX_NAMED = 10;

const PROGRAM_FILE = /\.(?:[cm]?[jt]sx?|py)$/;

/** Whom it tells. */
export interface WatchSink {
  /** Files that changed, the first ten of them, after silence. */
  changed(files: readonly string[]): void;
  /** Some changes may not be seen, as where the system watches no more files. */
  failed(error: Error): void;
}

/** What is watched. */
export interface WatchPlan {
  /** A folder of which the programs count; undefined when paths are named. */
  readonly folder: string | undefined;
  /** Files and folders that count whole. */
  readonly paths: readonly string[];
  /** Those of them that somebody named to be watched. */
  readonly named: readonly string[];
}

/** Watches from its construction until `close()`. */
export class Watcher {
  /** When changes are seen from. */
  readonly ready: Promise<void>;
  readonly #watcher: FSWatcher;
  readonly #roots: readonly string[];
  readonly #programsOf: string | undefined;
  readonly #sink: WatchSink;
  readonly #files = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #firstAt: number;

  constructor({ folder, paths }: Pick<WatchPlan, 'folder' | 'paths'>, sink: WatchSink) {
    const named = paths.map((one) => path.resolve(one));
    this.#programsOf = folder === undefined ? undefined : path.resolve(folder);
    this.#roots = [...named, ...(this.#programsOf === undefined ? [] : [this.#programsOf])];
    this.#sink = sink;
    this.#timer = undefined;
    this.#firstAt = 0;
    this.#watcher = watch([...this.#roots], {
      ignoreInitial: true,
      ignored: (file, stats) => this.#isIgnored(path.resolve(file), stats?.isFile() === true),
    });
    this.ready = new Promise((resolve) => {
      this.#watcher.once('ready', resolve);
    });
    this.#watcher.on('error', (error) => {
      this.#sink.failed(error instanceof Error ? error : new Error(String(error)));
    });
    this.#watcher.on('all', (_event, file) => this.#changed(file));
  }

  /** Watches no more. Idempotent. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#watcher.close();
  }

  #changed(file: string): void {
    const now = performance.now();
    if (this.#files.size < MAX_NAMED) this.#files.add(file);
    if (this.#timer === undefined) this.#firstAt = now;
    clearTimeout(this.#timer);
    const silence = Math.min(SILENCE_MS, Math.max(0, this.#firstAt + PATIENCE_MS - now));
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      const files = [...this.#files];
      this.#files.clear();
      this.#sink.changed(files);
    }, silence);
  }

  #isIgnored(file: string, isFile: boolean): boolean {
    const inside = this.#roots.filter((root) => isBelow(root, file));
    if (inside.some((root) => root === file)) return false;
    // The innermost root knows what it is for.
    const root = inside.sort((one, other) => other.length - one.length)[0] ?? path.dirname(file);
    const names = path.relative(root, file).split(path.sep);
    if (names.some((name) => name === 'node_modules' || name.startsWith('.'))) return true;
    return isFile && root === this.#programsOf && !PROGRAM_FILE.test(file);
  }
}

function isBelow(root: string, file: string): boolean {
  return root === file || file.startsWith(root.endsWith(path.sep) ? root : root + path.sep);
}
