/**
 * What workers print, passed on line by line with the number of the worker.
 *
 *     worker 2  stdout  "hel" "lo\nwor" "ld\n"   ->   stdout  [worker 2] hello
 *                                                              [worker 2] world
 *
 * Standard output goes to standard output, standard error to standard error. Lines stay whole and in
 * the order of their stream; what is left without an end when the worker ends is a line too. Bounded:
 * of each stream one line is kept, cut at 64 KiB, and nothing is read from workers while whoever
 * reads ours is behind. Knows no processes, only their streams.
 */

import type { Readable, Writable } from 'node:stream';
import { doneWithin } from '../waiting.ts';

/** A line that is longer is passed on in pieces of about this size. */
export const MAX_LINE_BYTES = 65_536;

/** How lines look: `[worker 2] text`, or one JSON object each; a line that is one already gets its worker put in. */
export type OutputFormat = 'prefix' | 'json';

/** The stream of a worker that a line came by. */
export type OutputName = 'stdout' | 'stderr';

const LINE_END = 0x0a;
/** An opening brace. */
const OBJECT_START = 0x7b;
const NEWLINE: Buffer = Buffer.from('\n');
/** At the end of a piece of a line that goes on. */
const CUT: Buffer = Buffer.from(' ...');
const NOTHING: Buffer = Buffer.alloc(0);

/** Colours of a terminal by the bits they take, as FORCE_COLOR numbers them. */
const COLOUR_LEVELS: ReadonlyMap<number, string> = new Map([
  [4, '1'],
  [8, '2'],
  [24, '3'],
]);

/**
 * What tells workers to print in colour although they print into a pipe: where a terminal with colours
 * shows it in the end, and nobody said otherwise.
 */
export function colourVariables(
  stream: { readonly isTTY?: boolean; getColorDepth?(): number },
  { NO_COLOR, FORCE_COLOR }: NodeJS.ProcessEnv,
): Readonly<Record<string, string>> {
  if (stream.isTTY !== true || NO_COLOR !== undefined || FORCE_COLOR !== undefined) return {};
  const level = COLOUR_LEVELS.get(stream.getColorDepth?.() ?? 1);
  return level === undefined ? {} : { FORCE_COLOR: level };
}

/** One of our two streams, and those who wait for it. */
class Target {
  readonly #stream: Writable;
  readonly #paused = new Set<Readable>();
  readonly #resume: () => void;

  constructor(stream: Writable) {
    this.#stream = stream;
    this.#resume = () => {
      for (const source of this.#paused) source.resume();
      this.#paused.clear();
    };
    stream.on('drain', this.#resume);
    // Nobody reads it any more: what workers print is read and thrown away, so that they go on.
    stream.on('close', this.#resume);
    // Nor can it be written to, as when the disk is full: that does not end the service either.
    stream.on('error', this.#resume);
  }

  /** Takes its listeners away from the stream, which is not its own. */
  release(): void {
    for (const event of ['drain', 'close', 'error']) this.#stream.off(event, this.#resume);
  }

  /** Writes; when that is more than whoever reads can take now, `source` waits. */
  write(output: Buffer, source: Readable): void {
    if (this.#stream.destroyed || !this.#stream.writable) return;
    if (this.#stream.write(output)) return;
    this.#paused.add(source);
    source.pause();
  }

  /** Resolves when everything is written. */
  flushed(): Promise<void> {
    if (this.#stream.writableLength === 0) return Promise.resolve();
    return new Promise((resolve) => this.#stream.write('', () => resolve()));
  }
}

/** Passes on what the workers of one service print. */
export class WorkerOutput {
  readonly #format: OutputFormat;
  readonly #targets: Readonly<Record<OutputName, Target>>;
  /** Streams of workers that have not ended, each with its end. */
  readonly #open = new Map<Readable, Promise<void>>();

  constructor(format: OutputFormat, targets: Readonly<Record<OutputName, Writable>>) {
    this.#format = format;
    this.#targets = { stdout: new Target(targets.stdout), stderr: new Target(targets.stderr) };
  }

  /** Passes on a stream of a worker until it ends, which may be after the worker itself. */
  take(workerId: number, name: OutputName, source: Readable | null | undefined): void {
    if (source === null || source === undefined) return; // so it is where a process could not be started
    const target = this.#targets[name];
    const lines = new LineWriter(this.#format, workerId, name);
    source.on('data', (chunk: Buffer) => {
      const output = lines.add(chunk);
      if (output.length > 0) target.write(output, source);
    });
    const ended = new Promise<void>((resolve) => {
      source.once('close', () => {
        const output = lines.end();
        if (output.length > 0) target.write(output, source);
        this.#open.delete(source);
        resolve();
      });
    });
    this.#open.set(source, ended);
  }

  /**
   * The end, when every worker has ended: resolves when everything that they printed is written, or after
   * `ms`.
   */
  async close(ms: number): Promise<void> {
    const { stdout, stderr } = this.#targets;
    const written = Promise.all(this.#open.values()).then(() =>
      Promise.all([stdout.flushed(), stderr.flushed()]),
    );
    await doneWithin(written, ms);
    for (const source of this.#open.keys()) source.destroy();
    stdout.release();
    stderr.release();
  }
}

/** Makes lines of the chunks of one stream. */
export class LineWriter {
  readonly #format: OutputFormat;
  readonly #prefix: Buffer;
  readonly #facts: { readonly worker: number; readonly stream: OutputName };
  /** What an object begins with in place of its brace. */
  readonly #opening: Buffer;
  /** The line that has no end yet. */
  #rest: Buffer;

  constructor(format: OutputFormat, workerId: number, name: OutputName) {
    this.#format = format;
    this.#prefix = Buffer.from(`[worker ${workerId}] `);
    this.#facts = { worker: workerId, stream: name };
    this.#opening = Buffer.from(`${JSON.stringify(this.#facts).slice(0, -1)},`);
    this.#rest = NOTHING;
  }

  /** The lines that this chunk completes, ready to be written; may be empty. */
  add(chunk: Buffer): Buffer {
    const output: Buffer[] = [];
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let start = 0;
    for (let end = bytes.indexOf(LINE_END); end >= 0; end = bytes.indexOf(LINE_END, start)) {
      start = this.#cut(bytes, start, end, output);
      this.#line(bytes.subarray(start, end), NOTHING, output);
      start = end + 1;
    }
    start = this.#cut(bytes, start, bytes.length, output);
    this.#rest = Buffer.from(bytes.subarray(start)); // a copy: the view would hold the whole chunk
    return Buffer.concat(output);
  }

  /** What is left when the stream ends. */
  end(): Buffer {
    const output: Buffer[] = [];
    if (this.#rest.length > 0) this.#line(this.#rest, NOTHING, output);
    this.#rest = NOTHING;
    return Buffer.concat(output);
  }

  /** Passes on pieces of a line that is too long; gives where the rest of it starts. */
  #cut(bytes: Buffer, from: number, end: number, output: Buffer[]): number {
    let start = from;
    while (end - start > MAX_LINE_BYTES) {
      const cut = characterStart(bytes, start + MAX_LINE_BYTES);
      this.#line(bytes.subarray(start, cut), CUT, output);
      start = cut;
    }
    return start;
  }

  #line(line: Buffer, mark: Buffer, output: Buffer[]): void {
    if (this.#format === 'prefix') {
      output.push(this.#prefix, line, mark, NEWLINE);
      return;
    }
    const object = mark.length === 0 ? objectIn(line) : undefined;
    if (object !== undefined) {
      // Its text as it came: numbers may have more digits than ours.
      if ('worker' in object) output.push(line, NEWLINE);
      else output.push(this.#opening, line.subarray(1), NEWLINE);
      return;
    }
    const text = line.toString() + mark.toString();
    output.push(Buffer.from(`${JSON.stringify({ ...this.#facts, text })}\n`));
  }
}

/** The JSON object that a line is already, as those of a logger are; undefined for any other line, and for an empty object. */
function objectIn(line: Buffer): object | undefined {
  if (line[0] !== OBJECT_START) return undefined;
  try {
    const object: object = JSON.parse(line.toString());
    return Object.keys(object).length > 0 ? object : undefined;
  } catch {
    return undefined; // it only begins like one
  }
}

/** The last place up to `place` where no character of UTF-8 is cut; `place` where there is none near. */
function characterStart(bytes: Buffer, place: number): number {
  for (let back = 0; back < 4; back++) {
    if (((bytes[place - back] ?? 0) & 0xc0) !== 0x80) return place - back;
  }
  return place;
}
