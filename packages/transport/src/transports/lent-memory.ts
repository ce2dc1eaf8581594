/**
 * Reading into memory of our own, the same for all connections of a thread.
 *
 * For each chunk Node takes 64 KiB of fresh memory, cuts it to what came and hands it through its stream as a Buffer: some microseconds for
 * a chunk of any size, and V8 collects for it as if all of it were kept. `net.connect` can be told to read into memory of the caller
 * (`onread`) and to pass by the stream; for what a `net.Server` accepts there is no such option. But both are the same class, and all that the
 * option does is to set some properties of the socket. Those have no public names, so a socket that was made with the option is looked
 * at for them. In other runtimes, and where they are not found, streams are read by their `data` events.
 *
 * What was read is lent: it is there until the callback returns, and then the next chunk of any connection lies in its place. But a
 * large body that is under way has a place of its own, and is read there: nobody copies it.
 */

import { type ConnectOpts, Socket as NetSocket, type SocketConstructorOpts } from 'node:net';
import { viewOf } from '../bytes.ts';

/** What one read may bring at most, as in Node's own reads. */
const LENT_BYTES = 64 * 1024;
/** The same before large bodies: enough for what stands in front of one, so that most of it is read to its place. */
const LITTLE_BYTES = 4 * 1024;

/** Takes what is read from one socket. One that never has places needs only the first. */
export interface LentReader {
  /** Bytes were read; their memory is somebody else's again when this returns. */
  receiveLent(chunk: Buffer): void;
  /** So many bytes were read to the place that {@link nextPlace} gave last. */
  receivePlaced?(count: number): void;
  /** Where the next bytes are to be read to, and lie for good; undefined for lent memory. Called after each read. Must not throw. */
  nextPlace?(): Buffer | undefined;
  /** What comes next is the head of something large, which is to have a place as soon as it is known. */
  readonly expectsPlace?: boolean;
}

/** Where a socket keeps what it was told with `onread`. */
interface Keys {
  readonly buffer: symbol;
  readonly callback: symbol;
  /** Called after each read for the memory of the next. */
  readonly nextBuffer: symbol;
}

interface Handle {
  useUserBuffer(memory: Uint8Array): void;
}

const keys: Keys | undefined = findKeys();
let memory: Buffer | undefined;
let littleMemory: Buffer | undefined;
/** Whose callback ran last, and for which memory: {@link nextBuffer} is not told. */
let lastSocket: LentSocket | undefined;
let lastBuffer: Buffer | undefined;
/** Whose memory was changed last: see {@link holdToMemory}. */
let changedSocket: LentSocket | undefined;
let isWatching = false;
const kReader = Symbol('reader');

type LentSocket = NetSocket & { [kReader]?: LentReader };

/**
 * From here on what comes over the stream goes to `reader`, and there are no `data` events. False where that is not possible: nothing
 * has changed then.
 */
export function readLent(socket: NetSocket, reader: LentReader): boolean {
  const handle: unknown = Reflect.get(socket, '_handle');
  if (keys === undefined || !isHandle(handle)) return false;
  memory ??= Buffer.allocUnsafeSlow(LENT_BYTES);
  littleMemory ??= viewOf(memory, 0, LITTLE_BYTES);
  (socket as LentSocket)[kReader] = reader;
  Reflect.set(socket, keys.buffer, memory);
  Reflect.set(socket, keys.callback, onRead);
  Reflect.set(socket, keys.nextBuffer, nextBuffer);
  handle.useUserBuffer(memory);
  if (!isWatching) process.on('uncaughtExceptionMonitor', holdToMemory);
  isWatching = true;
  return true;
}

function onRead(this: NetSocket, count: number, buffer: Buffer): boolean {
  const reader = (this as LentSocket)[kReader];
  lastSocket = undefined;
  try {
    if (buffer === memory || buffer === littleMemory) reader?.receiveLent(viewOf(buffer, 0, count));
    else reader?.receivePlaced?.(count);
  } catch (error) {
    // Thrown here, it would keep Node from asking where the next read is to go, which would then be where this one went.
    process.nextTick(throwAgain, error);
  }
  lastSocket = this;
  lastBuffer = buffer;
  return true; // whoever wants a pause has called pause()
}

function throwAgain(error: unknown): never {
  throw error;
}

/** Called by the same socket, right after its callback. Undefined for the same again. */
function nextBuffer(): Buffer | undefined {
  const socket = lastSocket;
  const reader = socket?.[kReader];
  const buffer = lastBuffer;
  lastSocket = undefined;
  lastBuffer = undefined;
  const next = reader?.nextPlace?.() ?? (reader?.expectsPlace === true ? littleMemory : memory);
  if (next === buffer) return undefined;
  changedSocket = socket;
  return next;
}

/**
 * What {@link nextBuffer} returns comes to the stream when everything has run that the read led to, promises and ticks of the program too.
 * If one of those throws, and the program lives on, it never comes there, and the stream would read on to where it read before:
 * so it is told again, at once.
 */
function holdToMemory(): void {
  const socket = changedSocket;
  changedSocket = undefined;
  if (socket === undefined || keys === undefined) return;
  const handle: unknown = Reflect.get(socket, '_handle');
  const buffer: unknown = Reflect.get(socket, keys.buffer);
  if (isHandle(handle) && buffer instanceof Uint8Array) handle.useUserBuffer(buffer);
}

function isHandle(handle: unknown): handle is Handle {
  return typeof handle === 'object' && handle !== null && 'useUserBuffer' in handle;
}

function findKeys(): Keys | undefined {
  if (process.versions.bun !== undefined || process.versions.deno !== undefined) return undefined;
  const memoryOfProbe = Buffer.alloc(1);
  const callbackOfProbe = (): boolean => true;
  const nextOfProbe = (): Buffer => memoryOfProbe;
  const buffer = keyOf(memoryOfProbe, { buffer: memoryOfProbe, callback: callbackOfProbe });
  const callback = keyOf(callbackOfProbe, { buffer: memoryOfProbe, callback: callbackOfProbe });
  const next = keyOf(nextOfProbe, { buffer: nextOfProbe, callback: callbackOfProbe });
  return buffer === undefined || callback === undefined || next === undefined
    ? undefined
    : { buffer, callback, nextBuffer: next };
}

/** Which property of a socket that is made with `onread` has this value. */
function keyOf(value: unknown, onread: ConnectOpts['onread']): symbol | undefined {
  const options: SocketConstructorOpts & Pick<ConnectOpts, 'onread'> = { onread };
  const probe = new NetSocket(options);
  const found = Object.getOwnPropertySymbols(probe).find(
    (key) => Reflect.get(probe, key) === value,
  );
  probe.destroy();
  return found;
}
