/**
 * Reading into memory of our own, the same for all connections of a thread.
 *
 * For each chunk Node takes 64 KiB of fresh memory, cuts it to what came and hands it through its stream as a Buffer: some microseconds for
 * a chunk of any size, and V8 collects for it as if all of it were kept. `net.connect` can be told to read into memory of the caller
 * (`onread`) and to pass by the stream; for what a `net.Server` accepts there is no such option. But both are the same class, and all that the
 * option does is to set some properties of the socket. Those have no public names, so a socket that was made with the option is looked
 * at for them. In other runtimes, and where they are not found, streams are read by their `data` events.
 *
 * What was read is lent: it is there until the callback returns, and then the next chunk of any connection lies in its place.
 */

import { type ConnectOpts, Socket as NetSocket, type SocketConstructorOpts } from 'node:net';
import { viewOf } from '../bytes.ts';

/** What one read may bring at most, as in Node's own reads. */
const LENT_BYTES = 64 * 1024;

/** Called with what was read, as the socket's method. */
export type OnLent = (this: NetSocket, chunk: Buffer) => void;

/** Where a socket keeps what it was told with `onread`. */
interface Places {
  readonly buffer: symbol;
  readonly callback: symbol;
}

interface Handle {
  useUserBuffer(memory: Uint8Array): void;
}

const places: Places | undefined = findPlaces();
let memory: Buffer | undefined;
const kOnLent = Symbol('onLent');

type LentSocket = NetSocket & { [kOnLent]?: OnLent };

/**
 * From here on what comes over the stream is lent to `onLent`, and there are no `data` events. False where that is not possible: nothing
 * has changed then.
 */
export function readLent(socket: NetSocket, onLent: OnLent): boolean {
  const handle: unknown = Reflect.get(socket, '_handle');
  if (places === undefined || !isHandle(handle)) return false;
  memory ??= Buffer.allocUnsafeSlow(LENT_BYTES);
  (socket as LentSocket)[kOnLent] = onLent;
  Reflect.set(socket, places.buffer, memory);
  Reflect.set(socket, places.callback, onRead);
  handle.useUserBuffer(memory);
  return true;
}

function onRead(this: NetSocket, count: number, buffer: Buffer): boolean {
  (this as LentSocket)[kOnLent]?.(viewOf(buffer, 0, count));
  return true; // whoever wants a pause has called pause()
}

function isHandle(handle: unknown): handle is Handle {
  return typeof handle === 'object' && handle !== null && 'useUserBuffer' in handle;
}

function findPlaces(): Places | undefined {
  if (process.versions.bun !== undefined || process.versions.deno !== undefined) return undefined;
  const buffer = Buffer.alloc(1);
  const callback = (): boolean => true;
  const options: SocketConstructorOpts & Pick<ConnectOpts, 'onread'> = {
    onread: { buffer, callback },
  };
  const probe = new NetSocket(options);
  const keys = Object.getOwnPropertySymbols(probe);
  const keyOf = (value: unknown): symbol | undefined =>
    keys.find((key) => Reflect.get(probe, key) === value);
  const [bufferKey, callbackKey] = [keyOf(buffer), keyOf(callback)];
  probe.destroy();
  return bufferKey === undefined || callbackKey === undefined
    ? undefined
    : { buffer: bufferKey, callback: callbackKey };
}
