/** What the words and flags of a command mean that is one socket of ZeroMQ. Pure; its row is in knife-commands.ts. */
import type { CurvePeerOptions } from '@zscale/core';
import { UsageError } from './failure.ts';
import { parseEndpoint } from './flag-values.ts';
import { type FrameForm, parseFrames, parseTopic } from './frame-forms.ts';
import type { KnifeInvocation, KnifeVerb } from './invocation.ts';

/** What a socket takes and keeps unless told otherwise. */
const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;

/** The flags as commander names them; not every command has all of them. */
export interface KnifeFlags {
  bind?: boolean;
  file?: string;
  json?: boolean;
  hex?: boolean;
  raw?: boolean;
  count?: number;
  interval?: number;
  timeout?: number;
  linger?: number;
  wait?: number;
  subscribe?: readonly string[];
  answer?: string;
  exec?: string;
  hwm?: number;
  maxMessageSize?: number;
  curveKey?: string;
  curveServerKey?: string;
}

/**
 * What a command line asks for.
 *
 * @param command - which, and whether it takes messages
 * @param given - endpoints, and the messages after them
 * @param literal - how many of those stood after `--`, and so are messages whatever they look like
 * @throws UsageError when it makes no sense
 */
export function knifeInvocation(
  { name, sends }: { readonly name: KnifeVerb; readonly sends: boolean },
  given: readonly string[],
  literal: number,
  flags: KnifeFlags,
): KnifeInvocation {
  const form = formOf(flags);
  const free = given.slice(0, given.length - literal);
  const firstOther = free.findIndex((word) => !word.includes('://'));
  const split = firstOther < 0 ? free.length : firstOther;
  // The first word is an endpoint, or a poor one that is told what is wrong with it.
  const endpoints = given.slice(0, Math.max(split, 1)).map((word) => parseEndpoint(name, word));
  const words = given.slice(endpoints.length);
  if (!sends && words.length > 0) {
    throw new UsageError(
      `${name} takes endpoints only; got ${JSON.stringify(words[0])}. See "zscale ${name} --help".`,
    );
  }
  const isStdin = words.length === 0 || (words.length === 1 && words[0] === '-' && literal === 0);
  if (!isStdin && flags.file !== undefined) {
    throw new UsageError('messages come from arguments or from --file; it was given both.');
  }
  if (flags.answer !== undefined && flags.exec !== undefined) {
    throw new UsageError('answers come from --answer or from --exec; it was given both.');
  }
  const { bind = false, timeout: time = Number.POSITIVE_INFINITY } = flags;
  return {
    command: name,
    endpoints,
    bind,
    form,
    messages: isStdin
      ? undefined
      : words.map((word) => parseFrames(Buffer.from(word), form, 'a message')),
    file: flags.file === '-' ? undefined : flags.file,
    count: flags.count,
    interval: flags.interval ?? 0,
    timeout: time,
    linger: flags.linger ?? time,
    wait: flags.wait ?? 1,
    topics: (flags.subscribe ?? ['']).map((topic) => parseTopic(topic, form)),
    answer:
      flags.answer === undefined
        ? undefined
        : parseFrames(Buffer.from(flags.answer), form, '--answer'),
    exec: flags.exec,
    highWaterMark: flags.hwm ?? 1_000,
    maxMessageSize: flags.maxMessageSize ?? MAX_MESSAGE_BYTES,
    curve: curveOf(flags),
  };
}

function formOf({ json, hex, raw }: KnifeFlags): FrameForm {
  const forms: FrameForm[] = [];
  if (json) forms.push('json');
  if (hex) forms.push('hex');
  if (raw) forms.push('raw');
  const [form = 'text', other] = forms;
  if (other !== undefined) {
    throw new UsageError(`messages have one form; got --${form} and --${other}.`);
  }
  return form;
}

function curveOf({ bind, curveKey, curveServerKey }: KnifeFlags): CurvePeerOptions | undefined {
  if (bind === true && curveServerKey !== undefined) {
    throw new UsageError(
      '--curve-server-key is for those who connect; who binds has keys of its own: --curve-key <file>.',
    );
  }
  if (bind !== true && curveKey !== undefined && curveServerKey === undefined) {
    throw new UsageError(
      '--curve-key needs the public key of who binds too: --curve-server-key <key>, the text in its file NAME.key.',
    );
  }
  if (curveKey === undefined && curveServerKey === undefined) return undefined;
  return { keyFile: curveKey, serverKey: curveServerKey };
}
