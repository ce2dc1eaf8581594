/**
 * Takes over the one thing that several processes cannot do each: binding the port of a server.
 *
 *     await new Reply().bind('tcp://127.0.0.1:5000')      in a worker:  the supervisor hears the address,
 *                                                                       the socket connects to its door
 *
 * Sockets of `@zscale/transport` ask a hook, whichever copy of it the program brings. Those of the npm
 * package `zeromq` derive from a class of its native module, and every loader (import, require, tsx, a
 * bundle) loads that by `process.dlopen`: there the class is replaced by one that asks the same hook.
 * What is asked for and cannot be is refused with a text that says what to do.
 */

import { type BindHook, type HookedSocket, setBindHook } from '@zscale/transport';
import { ZscaleError } from '../errors.ts';

/** Of ZMQ_TYPE. */
const REP = 4;
const TYPE_NAMES = 'PAIR PUB SUB REQ REP DEALER ROUTER PULL PUSH XPUB XSUB STREAM'.split(' ');
/** ZMQ_LAST_ENDPOINT, as zeromq.js asks for it. */
const LAST_ENDPOINT = 32;

/** What a capture is made from. */
export interface CaptureOptions {
  /** Where the socket of the program connects. */
  readonly door: string;
  /** The program bound a socket there. Called for each bind that is taken over. */
  readonly onBound: (endpoint: string) => void;
  /** The program asked for what cannot be; it is thrown to the program too. */
  readonly onRefused: (error: ZscaleError) => void;
}

/** The hook of a process that may turn out to be a program. There is one per process. */
export class BindCapture implements BindHook {
  readonly #options: CaptureOptions;
  readonly #dlopen: typeof process.dlopen;
  /** The socket that is the server, and what it asked for. */
  #socket: HookedSocket | undefined;
  #endpoint: string | undefined;
  /** The connection to the door, before it is made. */
  #connecting: NodeJS.Immediate | undefined;
  #seesZeromq: boolean;

  /** Takes over from now on, until {@link end}. */
  constructor(options: CaptureOptions) {
    this.#options = options;
    this.#socket = undefined;
    this.#endpoint = undefined;
    this.#connecting = undefined;
    this.#seesZeromq = false;
    setBindHook(this);
    this.#dlopen = process.dlopen;
    process.dlopen = (...args: Parameters<typeof process.dlopen>) => {
      this.#dlopen.apply(process, args);
      this.#replaceSocket(args[0]);
    };
  }

  /** Whether the process is a program: it bound its server. */
  get hasBound(): boolean {
    return this.#endpoint !== undefined;
  }

  /** Whether the npm package `zeromq` was loaded. */
  get seesZeromq(): boolean {
    return this.#seesZeromq;
  }

  /** The process hosts a handler: what it binds is its own business. */
  end(): void {
    setBindHook(undefined);
    process.dlopen = this.#dlopen;
  }

  bind(socket: HookedSocket, endpoint: string): boolean {
    const [scheme = '', rest] = endpoint.split('://');
    if (rest === undefined || scheme === 'inproc') return false;
    const name = TYPE_NAMES[socket.type] ?? 'draft';
    if (socket.type !== REP) {
      // A port of its own for each worker has nothing to do with clients.
      if (/(^\*|:\*|:0)$/.test(rest)) return false;
      this.#refuse(
        `a ${name} socket binds ${endpoint}, and only one process can. zscale takes over Reply ` +
          'sockets: let this one connect, bind a free port (tcp://127.0.0.1:*), or run it as a ' +
          'program of its own',
      );
    }
    if (this.#socket !== undefined && !this.#socket.closed) {
      this.#refuse(
        `the program binds ${endpoint} after ${this.#endpoint}, and a worker has one place where ` +
          'its requests come from. Bind once, and give further addresses as --bind',
      );
    }
    if (socket.securityMechanism !== null) {
      this.#refuse(
        `the socket bound at ${endpoint} asks for ${socket.securityMechanism.toUpperCase()}, which ` +
          'is between the clients and the front end of zscale. Leave it out in the program',
      );
    }
    this.#socket = socket;
    this.#endpoint = endpoint;
    this.#options.onBound(endpoint);
    // In the next turn: with its connection it is ready, and what it asks for in this one may be refused.
    this.#connecting = setImmediate(() => {
      this.#connecting = undefined;
      if (!socket.closed) socket.connect(this.#options.door);
    });
    return true;
  }

  unbind(socket: HookedSocket, endpoint: string): boolean {
    if (socket !== this.#socket || endpoint !== this.#endpoint) return false;
    this.#socket = undefined;
    if (this.#connecting === undefined) socket.disconnect(this.#options.door);
    else this.#stay();
    return true;
  }

  endpointOf(socket: HookedSocket): string | undefined {
    if (socket !== this.#socket) return undefined;
    return this.#endpoint?.replace('tcp://*:', 'tcp://0.0.0.0:');
  }

  /** Makes no connection that is not made yet. */
  #stay(): void {
    clearImmediate(this.#connecting);
    this.#connecting = undefined;
  }

  #refuse(text: string): never {
    this.#stay();
    const error = new ZscaleError('ZSCALE_ERR_LOAD', text);
    this.#options.onRefused(error);
    throw error;
  }

  /** The native class cannot be changed; what everybody gets instead derives from it. */
  #replaceSocket(module: object): void {
    const exported: unknown = Reflect.get(module, 'exports');
    if (!isZeromq(exported)) return;
    this.#seesZeromq = true;
    const Socket = captured(exported.Socket, this);
    const properties: PropertyDescriptorMap = Object.getOwnPropertyDescriptors(exported);
    properties.Socket = { value: Socket, enumerable: true };
    Reflect.set(module, 'exports', Object.create(Object.getPrototypeOf(exported), properties));
  }
}

/** As much of zeromq.js's native socket as is changed. */
interface NativeSocket extends HookedSocket {
  bind(endpoint: string): Promise<void>;
  unbind(endpoint: string): Promise<void>;
  bindSync(endpoint: string): void;
  unbindSync(endpoint: string): void;
  getStringOption(option: number): string | null;
}
type NativeSocketClass = new (...args: never[]) => NativeSocket;

function isZeromq(exported: unknown): exported is { readonly Socket: NativeSocketClass } {
  if (typeof exported !== 'object' || exported === null) return false;
  const Socket: unknown = Reflect.get(exported, 'Socket');
  const isSocket = typeof Socket === 'function' && 'getStringOption' in Object(Socket.prototype);
  return isSocket && 'Context' in exported && 'capability' in exported;
}

function captured(Base: NativeSocketClass, hook: BindHook): NativeSocketClass {
  return class Socket extends Base {
    // Not `async`: what is refused is thrown as the native one throws it.
    override bind(endpoint: string): Promise<void> {
      return hook.bind(this, endpoint) ? Promise.resolve() : super.bind(endpoint);
    }

    override unbind(endpoint: string): Promise<void> {
      return hook.unbind(this, endpoint) ? Promise.resolve() : super.unbind(endpoint);
    }

    override bindSync(endpoint: string): void {
      if (!hook.bind(this, endpoint)) super.bindSync(endpoint);
    }

    override unbindSync(endpoint: string): void {
      if (!hook.unbind(this, endpoint)) super.unbindSync(endpoint);
    }

    override getStringOption(option: number): string | null {
      const endpoint = option === LAST_ENDPOINT ? hook.endpointOf(this) : undefined;
      return endpoint ?? super.getStringOption(option);
    }
  };
}
