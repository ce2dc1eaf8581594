/**
 * The control socket of a proxy (zmq_proxy_steerable(3)): commands of one frame come in, and a REP or PAIR answers.
 *
 *   PAUSE, RESUME, TERMINATE     REP: one empty frame
 *   STATISTICS                   REP, PAIR: eight frames of 64 bits in the byte order of this machine:
 *                                front end received messages, bytes, sent messages, bytes; then the same of the back end
 *
 * As libzmq documents it. Its releases differ from that and from each other: 4.3.5 has PAUSE and RESUME the wrong way round,
 * counts frames, and answers every command with one empty frame; 4.3.4 aborts at what it does not know.
 */

import { endianness } from 'node:os';
import { fail } from '../errors.ts';
import { EMPTY_FRAME, type Message } from '../message.ts';
import type { SocketType } from '../socket-type.ts';
import type { Socket } from '../sockets/socket.ts';

/** Commands obeyed before other work of the process gets its turn. */
const FAIRNESS_COMMANDS = 100;
/** The longest command has 10 bytes: what is longer is not even made a text of. */
const COMMAND_BYTES_MAX = 16;

const CONTROL_TYPES: readonly SocketType[] = ['REP', 'PAIR', 'PULL', 'SUB'];

/** What went through one side of a proxy. Bytes are those of all frames, routing ids included. */
export interface SideStats {
  readonly receivedMessages: number;
  readonly receivedBytes: number;
  readonly sentMessages: number;
  readonly sentBytes: number;
  /** Messages for this side that it refused for good: with `mandatory`, their peer was gone. */
  readonly dropped: number;
}

/** What went through a proxy. */
export interface ProxyStats {
  readonly frontend: SideStats;
  readonly backend: SideStats;
}

/** What a control socket steers. */
export interface Steered {
  pause(): void;
  resume(): void;
  terminate(): void;
  stats(): ProxyStats;
}

/** @throws TransportError `EINVAL` for a socket that cannot take commands. */
export function checkControl(control: Socket): void {
  if (CONTROL_TYPES.includes(control.socketType)) return;
  fail(
    'EINVAL',
    `A control socket is one of ${CONTROL_TYPES.join(', ')}; got ${control.socketType}.`,
  );
}

/**
 * Obeys the commands that have come. What is no command changes nothing; a REP answers it too, so that who asked may ask again.
 * True: there may be more, call again next turn.
 */
export function obey(control: Socket, proxy: Steered): boolean {
  for (let count = 0; count < FAIRNESS_COMMANDS; count++) {
    const message = control.tryReceive();
    if (message === undefined) return false;
    const command = commandIn(message);
    answer(control, command === 'STATISTICS' ? encodeStats(proxy.stats()) : undefined);
    switch (command) {
      case 'PAUSE':
        proxy.pause();
        break;
      case 'RESUME':
        proxy.resume();
        break;
      case 'TERMINATE':
        proxy.terminate();
        return false;
    }
  }
  return true;
}

function commandIn(message: Message): string | undefined {
  const [frame] = message;
  if (frame === undefined || message.length > 1 || frame.length > COMMAND_BYTES_MAX)
    return undefined;
  return frame.toString('latin1');
}

/** Never waits: a PAIR whose peer does not read misses the answer. */
function answer(control: Socket, statistics: Message | undefined): void {
  if (control.socketType === 'REP') control.trySend(statistics ?? [EMPTY_FRAME]);
  else if (control.socketType === 'PAIR' && statistics !== undefined) control.trySend(statistics);
}

function encodeStats({ frontend, backend }: ProxyStats): Message {
  const message: Message = [];
  for (const side of [frontend, backend]) {
    message.push(
      encodeNumber(side.receivedMessages),
      encodeNumber(side.receivedBytes),
      encodeNumber(side.sentMessages),
      encodeNumber(side.sentBytes),
    );
  }
  return message;
}

function encodeNumber(value: number): Buffer {
  const frame = Buffer.alloc(8);
  if (endianness() === 'LE') frame.writeBigUInt64LE(BigInt(value));
  else frame.writeBigUInt64BE(BigInt(value));
  return frame;
}
