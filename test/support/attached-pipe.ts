/*
 * A pipe of a socket without any connection: the test plays the link below, and nothing is between
 * it and the pattern.
 */
import { Pipe, type Socket } from '@zscale/transport';
import { RecordingLink } from './recording-pipe-ends.ts';

/** Attaches a new pipe to `socket`. */
export function attachedPipe(socket: Socket): { pipe: Pipe; link: RecordingLink } {
  const link = new RecordingLink();
  const pipe = new Pipe(socket, socket.options);
  socket.attach(pipe);
  pipe.plug(link);
  return { pipe, link };
}

/** A handshake succeeded: `pipe` has a peer. */
export function connectPipe(pipe: Pipe, socketType: string): void {
  pipe.connected({
    socketType,
    routingId: Buffer.alloc(0),
    metadata: new Map(),
    version: '3.1',
    address: 'tcp://127.0.0.1:1',
  });
}

/** A chunk with these messages came from the peer. */
export function deliverTo(pipe: Pipe, ...messages: ReadonlyArray<readonly string[]>): void {
  for (const frames of messages) pipe.deliver(frames.map((frame) => Buffer.from(frame)));
  pipe.delivered();
}

/** Sends what is in `pipe`, as a connection would: the messages as text. */
export function takeAll(pipe: Pipe): string[][] {
  const taken: string[][] = [];
  for (let message = pipe.take(); message !== undefined; message = pipe.take()) {
    taken.push(message.map((frame) => frame.toString('latin1')));
  }
  pipe.taken();
  return taken;
}
