import { describe, expect, it } from 'vitest';
import { UsageError } from '../../packages/cli/src/failure.ts';
import {
  type FrameForm,
  formatFrames,
  parseFrames,
  parseTopic,
} from '../../packages/cli/src/frame-forms.ts';

const BINARY = Buffer.from([0x00, 0xff, 0x0a, 0x09, 0x80]);

function printed(form: FrameForm, ...frames: readonly (Buffer | string)[]): string {
  return formatFrames(
    frames.map((frame) => Buffer.from(frame)),
    form,
  ).toString('latin1');
}

function read(form: FrameForm, line: string | Buffer): Buffer[] {
  return parseFrames(Buffer.from(line), form, 'line 7');
}

function texts(frames: readonly Buffer[]): string[] {
  return frames.map(String);
}

describe('a message that is printed', () => {
  it('is one line, with a tab between frames', () => {
    expect(printed('text', 'topic', 'a text', '')).toBe('topic\ta text\t\n');
    expect(printed('hex', 'ab', BINARY, '')).toBe('6162\t00ff0a0980\t\n');
    expect(printed('json', 'a\nb', BINARY, '')).toBe('["a\\nb",{"base64":"AP8KCYA="},""]\n');
  });

  it('keeps JSON and letters of all languages as they are', () => {
    expect(printed('text', '{"a":"\\"b\\""}')).toBe('{"a":"\\"b\\""}\n');
    expect(formatFrames([Buffer.from('grüße, 世界 🎉')], 'text').toString()).toBe(
      'grüße, 世界 🎉\n',
    );
  });

  it('never reaches the terminal as a command, nor breaks the line', () => {
    expect(printed('text', '\u001b]0;owned\u0007\r\n\t\u007f\u0085')).toBe(
      '\\x1b]0;owned\\x07\\r\\n\\t\\x7f\\x85\n',
    );
    expect(printed('text', BINARY)).toBe('\\x00\\xff\\x0a\\x09\\x80\n');
  });

  it('is all its bytes and nothing else when it is raw', () => {
    expect(formatFrames([BINARY, Buffer.from('a')], 'raw')).toEqual(
      Buffer.concat([BINARY, Buffer.from('a')]),
    );
  });
});

describe('a message that is read', () => {
  it('has a frame between each two tabs', () => {
    expect(texts(read('text', 'topic\ta text\t'))).toEqual(['topic', 'a text', '']);
    expect(texts(read('text', ''))).toEqual(['']);
    expect(read('hex', '6162\t00FF 0a\t')).toEqual([
      Buffer.from('ab'),
      Buffer.from([0x00, 0xff, 0x0a]),
      Buffer.alloc(0),
    ]);
  });

  it('may hold any bytes as JSON', () => {
    expect(read('json', '["a\\nb",{"base64":"AP8KCYA="}]')).toEqual([Buffer.from('a\nb'), BINARY]);
    expect(texts(read('json', '"one frame"'))).toEqual(['one frame']);
  });

  it.each(['json', 'hex'] as const)('comes out as it went in: %s', (form) => {
    const frames = [BINARY, Buffer.alloc(0), Buffer.from('grüße\u001b[0m')];
    expect(parseFrames(formatFrames(frames, form).subarray(0, -1), form, '')).toEqual(frames);
  });

  it('is the whole input when it is raw', () => {
    expect(read('raw', BINARY)).toEqual([BINARY]);
  });

  it.each([
    ['json', '{"a":1}'],
    ['json', '[1]'],
    ['json', '[]'],
    ['json', 'no json'],
    ['json', ''],
    ['json', '[{"base64":"%"}]'],
    ['hex', '0'],
    ['hex', '0x12'],
  ] as const)('is refused with its place when it is none: %s %s', (form, line) => {
    expect(() => read(form, line)).toThrow(UsageError);
    expect(() => read(form, line)).toThrow(/^line 7 must be /);
  });

  it('is shown only in part when it is refused', () => {
    expect(() => read('json', 'x'.repeat(10_000))).toThrow(/got "x{60}\.\.\."\.$/);
  });
});

describe('a topic', () => {
  it('is the text, or with hex its bytes', () => {
    expect(parseTopic('ab', 'json')).toEqual(Buffer.from('ab'));
    expect(parseTopic('00ff', 'hex')).toEqual(Buffer.from([0x00, 0xff]));
  });
});
