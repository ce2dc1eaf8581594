/*
 * What becomes of the bytes that workers print: pure where it can be, with real pipes where not.
 */
import { PassThrough, Writable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  colourVariables,
  LineWriter,
  MAX_LINE_BYTES,
  WorkerOutput,
} from '../../../packages/core/src/supervisor/worker-output.ts';
import { until } from '../../support/until.ts';

/** All that comes out for these chunks. */
function linesOf(writer: LineWriter, chunks: readonly Buffer[]): string {
  return Buffer.concat([...chunks.map((chunk) => writer.add(chunk)), writer.end()]).toString();
}

describe('the lines of a worker', () => {
  it('are whole, wherever the chunks are cut', () => {
    const text = fc.array(
      fc.string({ unit: 'grapheme', maxLength: 20 }).filter((s) => !s.includes('\n')),
    );
    fc.assert(
      fc.property(text, fc.array(fc.nat(40)), (lines, cuts) => {
        const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
        const chunks: Buffer[] = [];
        let start = 0;
        for (const cut of cuts) {
          chunks.push(bytes.subarray(start, start + cut));
          start += cut;
        }
        chunks.push(bytes.subarray(start));
        const expected = lines.map((line) => `[worker 7] ${line}\n`).join('');
        expect(linesOf(new LineWriter('prefix', 7, 'stdout'), chunks)).toBe(expected);
      }),
    );
  });

  it('come when they are complete, and the last without an end when the stream ends', () => {
    const writer = new LineWriter('prefix', 0, 'stdout');
    expect(writer.add(Buffer.from('one\ntw')).toString()).toBe('[worker 0] one\n');
    expect(writer.add(Buffer.from('o')).toString()).toBe('');
    expect(writer.end().toString()).toBe('[worker 0] two\n');
    expect(writer.end().toString()).toBe('');
  });

  it('are objects in JSON, whatever is in them', () => {
    const writer = new LineWriter('json', 3, 'stderr');
    const output = linesOf(writer, [Buffer.from('"quoted" \u001b[31mred\r\n{"a":1}\n')]);
    expect(
      output
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual([
      { worker: 3, stream: 'stderr', text: '"quoted" \u001b[31mred\r' },
      { worker: 3, stream: 'stderr', a: 1 },
    ]);
  });

  it('that are objects of a worker by themselves stay as they are', () => {
    const line = '{"level":30,"worker":7,"big":12345678901234567890,"msg":"own"}\n';
    expect(linesOf(new LineWriter('json', 7, 'stderr'), [Buffer.from(line)])).toBe(line);
    const empty = linesOf(new LineWriter('json', 7, 'stdout'), [Buffer.from('{}\n{"cut\n')]);
    expect(
      empty
        .trimEnd()
        .split('\n')
        .map((text) => JSON.parse(text).text),
    ).toEqual(['{}', '{"cut']);
  });

  it.each([MAX_LINE_BYTES, MAX_LINE_BYTES + 1, 3 * MAX_LINE_BYTES])(
    'of %d bytes come in pieces of at most 64 KiB, with nothing missing',
    (length) => {
      const whole = 'x'.repeat(length);
      const output = linesOf(new LineWriter('prefix', 1, 'stdout'), [
        Buffer.from(`${whole}\nnext\n`),
      ]);
      const lines = output.trimEnd().split('\n');
      expect(lines.pop()).toBe('[worker 1] next');
      expect(lines).toHaveLength(Math.ceil(length / MAX_LINE_BYTES));
      const pieces = lines.map((line) => line.replace('[worker 1] ', '').replace(/ \.\.\.$/, ''));
      expect(pieces.every((piece) => piece.length <= MAX_LINE_BYTES)).toBe(true);
      expect(pieces.join('')).toBe(whole);
    },
  );
});

describe('the output of the workers of a service', () => {
  it('reads on when whoever reads it has caught up, and ends when everything is written', async () => {
    let letGo = (): void => {};
    let written = '';
    const slow = new Writable({
      highWaterMark: 10,
      write(chunk: Buffer, _encoding, done) {
        written += chunk.toString();
        letGo = done;
      },
    });
    const output = new WorkerOutput('prefix', { stdout: slow, stderr: slow });
    const source = new PassThrough();
    output.take(0, 'stdout', source);
    source.write('first line\n');
    await until(() => source.isPaused(), 'the source to be paused');
    source.write('second line\n');
    letGo();
    await until(() => written.includes('second'), 'the second line');
    source.end('rest');
    letGo();
    await until(() => written.includes('rest'));
    let isClosed = false;
    const closed = output.close(60_000).then(() => {
      isClosed = true;
    });
    expect(isClosed).toBe(false);
    letGo();
    await closed;
    expect(written).toBe('[worker 0] first line\n[worker 0] second line\n[worker 0] rest\n');
    expect(slow.listenerCount('drain') + slow.listenerCount('close')).toBe(0);
  });

  it('does not wait for ever for a reader that reads nothing, nor for a stream that stays open', async () => {
    const stuck = new Writable({ highWaterMark: 1, write() {} });
    const output = new WorkerOutput('prefix', { stdout: stuck, stderr: stuck });
    const source = new PassThrough();
    output.take(0, 'stdout', source);
    source.write('a line\n');
    await until(() => source.isPaused());
    await output.close(1);
    expect(source.destroyed).toBe(true);
  });
});

describe('the colours of workers', () => {
  const terminal = (depth: number) => ({ isTTY: true, getColorDepth: () => depth });

  it.each([
    [terminal(24), {}, { FORCE_COLOR: '3' }],
    [terminal(8), {}, { FORCE_COLOR: '2' }],
    [terminal(4), {}, { FORCE_COLOR: '1' }],
    [terminal(1), {}, {}],
    [terminal(24), { NO_COLOR: '1' }, {}],
    [terminal(24), { FORCE_COLOR: '0' }, {}],
    [{}, {}, {}],
  ])('are those of the terminal that shows them: %o, %o', (stream, env, expected) => {
    expect(colourVariables(stream, env)).toEqual(expected);
  });
});
