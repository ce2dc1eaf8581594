/*
 * The monitor of a socket as a list: what has been told so far, in order.
 */
import type { Socket } from '@zscale/transport';

/** One monitor event as tests look at it. */
export interface RecordedEvent {
  readonly type: string;
  readonly address?: string;
  readonly interval?: number;
  readonly error?: Error & { readonly code?: string };
}

const EVENT_TYPES = [
  'accept',
  'accept:error',
  'bind',
  'bind:error',
  'close',
  'connect',
  'connect:delay',
  'connect:retry',
  'disconnect',
  'end',
  'handshake',
  'handshake:error:auth',
  'handshake:error:other',
  'handshake:error:protocol',
] as const;

/** Listens to all events of `socket` from now on; the list grows as they come. */
export function recordEvents(socket: Socket): RecordedEvent[] {
  const recorded: RecordedEvent[] = [];
  for (const type of EVENT_TYPES) {
    socket.events.on(type, (event) => {
      recorded.push(event);
    });
  }
  return recorded;
}

/** How many events of `type` are in the list. */
export function countOf(events: readonly RecordedEvent[], type: string): number {
  return events.filter((event) => event.type === type).length;
}
