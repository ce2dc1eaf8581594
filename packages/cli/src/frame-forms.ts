/**
 * How messages of ZeroMQ are written as text and bytes, for the commands that send and print them.
 *
 *     text   frames with tabs between them; what would break the line is escaped, where it is printed only
 *     json   an array of frames: a text, or {"base64": "..."} for what is not UTF-8
 *     hex    the bytes of each frame, with tabs between frames
 *     raw    the bytes as they are: one frame when read, all frames after each other when printed
 *
 * Pure functions. In every form but `raw` a message is one line.
 */
import { isUtf8 } from 'node:buffer';
import { UsageError } from './failure.ts';

/** The forms by name. */
export type FrameForm = 'text' | 'json' | 'hex' | 'raw';

/** Line ends, tabs and what a terminal would obey: ESC and its like, also those of eight bits. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROLS = /[\u0000-\u001f\u007f-\u009f]/g;
const SHORT_ESCAPES: ReadonlyMap<string, string> = new Map([
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
]);

/** How much of a line that makes no sense is shown. */
const SHOWN_CHARACTERS = 60;

/** A message as it is printed, with the line ended. */
export function formatFrames(frames: readonly Buffer[], form: FrameForm): Buffer {
  switch (form) {
    case 'text':
      return Buffer.from(`${frames.map(formatText).join('\t')}\n`);
    case 'json':
      return Buffer.from(`${JSON.stringify(frames.map(toJson))}\n`);
    case 'hex':
      return Buffer.from(`${frames.map((frame) => frame.toString('hex')).join('\t')}\n`);
    case 'raw':
      return Buffer.concat(frames);
  }
}

/**
 * The frames that a line, an argument or (raw) all of a file stands for.
 *
 * @param where - for the error: `line 3`, `the message`
 * @throws UsageError for what is no message in that form
 */
export function parseFrames(given: Buffer, form: FrameForm, where: string): Buffer[] {
  switch (form) {
    case 'text':
      return splitAtTabs(given);
    case 'json':
      return parseJson(given.toString(), where);
    case 'hex':
      return given
        .toString('latin1')
        .split('\t')
        .map((frame) => parseHex(frame, where));
    case 'raw':
      return [given];
  }
}

/** A topic in the form of the messages; in `json` and `raw` it is the text itself. @throws UsageError */
export function parseTopic(text: string, form: FrameForm): Buffer {
  return form === 'hex' ? parseHex(text, '--subscribe') : Buffer.from(text);
}

/** A text of somebody else, as it may be shown: a terminal would obey its control characters, so they are escaped. */
export function withoutControls(text: string): string {
  return text.replace(CONTROLS, (found) => SHORT_ESCAPES.get(found) ?? escapeByte(found));
}

function formatText(frame: Buffer): string {
  if (!isUtf8(frame)) {
    return frame.toString('latin1').replace(/[^\x20-\x7e]/g, escapeByte);
  }
  return withoutControls(frame.toString());
}

function escapeByte(character: string): string {
  return `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
}

function toJson(frame: Buffer): string | { readonly base64: string } {
  return isUtf8(frame) ? frame.toString() : { base64: frame.toString('base64') };
}

function splitAtTabs(line: Buffer): Buffer[] {
  const frames: Buffer[] = [];
  let start = 0;
  for (let end = line.indexOf('\t'); end >= 0; end = line.indexOf('\t', start)) {
    frames.push(line.subarray(start, end));
    start = end + 1;
  }
  frames.push(line.subarray(start));
  return frames;
}

function parseJson(text: string, where: string): Buffer[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    refuseJson(text, where);
  }
  const given: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (given.length === 0) refuseJson(text, where);
  return given.map((frame) => {
    if (typeof frame === 'string') return Buffer.from(frame);
    const base64: unknown = Reflect.get(Object(frame), 'base64');
    if (typeof base64 !== 'string' || !/^[A-Za-z0-9+/]*={0,2}$/.test(base64)) {
      return refuseJson(text, where);
    }
    return Buffer.from(base64, 'base64');
  });
}

function refuseJson(text: string, where: string): never {
  throw new UsageError(
    `${where} must be an array of frames in JSON, such as ["topic","text"] or [{"base64":"AAE="}]; got ${shown(text)}.`,
  );
}

function parseHex(text: string, where: string): Buffer {
  const digits = text.replaceAll(' ', '');
  if (digits.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(digits)) {
    throw new UsageError(
      `${where} must be hexadecimal, two digits a byte and a tab between frames; got ${shown(text)}.`,
    );
  }
  return Buffer.from(digits, 'hex');
}

function shown(text: string): string {
  if (text === '') return 'nothing';
  const short = text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}...` : text;
  return JSON.stringify(short);
}
