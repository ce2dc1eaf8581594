/*
 * A file of lines that cannot be written for a while. /dev/full refuses every byte as a full disk does; a FIFO whose reader went
 * away does so until another one comes.
 */
import { execFileSync } from 'node:child_process';
import { closeSync, constants, existsSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type LineWriter, openLines } from '../../packages/core/src/logger.ts';
import { freshFolder } from '../support/programs.ts';
import { until } from '../support/until.ts';
import { recordingLogger } from '../support/worker-queue.ts';

const LINE_BYTES = 10_000;
const LIMIT_BYTES = 1024 * 1024;
/** Ten times of what may wait. */
const LINES = 1000;
/** With what pino adds to a line. */
const KEPT = Math.floor(LIMIT_BYTES / (LINE_BYTES + 68));

function fill(writer: LineWriter): void {
  for (let i = 0; i < LINES; i++) writer.write({ i, padding: 'x'.repeat(LINE_BYTES) });
}

function open(target: string): { writer: LineWriter; lost(): number[] } {
  const { logger, lines } = recordingLogger();
  const writer = openLines(target, logger);
  onTestFinished(() => writer.close());
  const lost = (): number[] => lines.map(({ facts }) => Number(Reflect.get(facts, 'lines')));
  return { writer, lost };
}

/** Reads what comes. */
class FifoReader {
  text = '';
  readonly #fd: number;
  readonly #bytes: Buffer = Buffer.alloc(65_536);

  constructor(path: string) {
    this.#fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  }

  read(): string {
    try {
      const got = readSync(this.#fd, this.#bytes);
      this.text += this.#bytes.toString('latin1', 0, got);
    } catch (error) {
      if (Reflect.get(Object(error), 'code') !== 'EAGAIN') throw error; // nothing at the moment
    }
    return this.text;
  }

  close(): void {
    closeSync(this.#fd);
  }
}

describe('lines that cannot be written', () => {
  it.skipIf(!existsSync('/dev/full'))(
    'wait up to a limit on a full disk; more are lost, counted, and told twice at most',
    async () => {
      const { writer, lost } = open('/dev/full');
      fill(writer);
      expect(lost()).toEqual([1]);
      await writer.close();
      const [first = 0, rest = 0, ...more] = lost();
      expect(more).toEqual([]);
      expect(first + rest).toBe(LINES - KEPT);
    },
  );

  it('are written when they can be, and later ones, too', async () => {
    const path = join(freshFolder(), 'fifo');
    execFileSync('mkfifo', [path]);
    const gone = new FifoReader(path);
    const { writer, lost } = open(path);
    writer.write({ i: 'before' });
    await until(() => gone.read().includes('before'), 'the first line');
    gone.close();
    fill(writer);
    expect(lost()).toEqual([1]);
    // The system has long refused the first of them; now that is known here, too.
    for (let turn = 0; turn < 20; turn++) await setImmediate();

    const reader = new FifoReader(path);
    onTestFinished(() => reader.close());
    const isLast = (): boolean => reader.read().includes(`"i":${KEPT - 1},`);
    await until(isLast, 'the lines that waited, and no new one');
    writer.write({ i: 'after' });
    await until(() => reader.read().endsWith('"i":"after"}\n'), 'a line after them');
    const numbers = reader.text
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line).i);
    expect(numbers).toEqual([...Array.from({ length: KEPT }, (_, i) => i), 'after']);
    await writer.close();
    expect(lost()).toEqual([1, LINES - KEPT - 1]);
  });
});
