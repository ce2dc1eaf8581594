/** Which library a role uses, and sockets of it as its arguments say: `library`, `bind` or `connect`, `hwm` and CURVE keys. */

import type * as Zeromq from 'zeromq';
import { findGiven, given } from './line.ts';

/** What roles use of either library. */
export type Library = typeof Zeromq;

/** Options that arguments choose. */
export interface ChosenOptions {
  readonly linger: 0;
  readonly sendHighWaterMark?: number;
  readonly receiveHighWaterMark?: number;
  readonly curveServer?: boolean;
  readonly curveServerKey?: string;
  readonly curvePublicKey?: string;
  readonly curveSecretKey?: string;
}

/** Something that can be bound or connected. */
interface Attachable {
  bind(endpoint: string): Promise<void>;
  connect(endpoint: string): void;
  readonly lastEndpoint: string | null;
}

/** Loads the library that the argument `library` names, and only that one. */
export async function loadLibrary(): Promise<Library> {
  if (given('library') === 'zeromq') return import('zeromq');
  // Ours has all of zeromq.js's names with the same types: test/house/zeromq-types.test.ts.
  return (await import('@zscale/transport')) as unknown as Library;
}

/** CURVE, as far as the arguments give keys. */
export function curveOptions(): ChosenOptions {
  const curveSecretKey = findGiven('secretkey');
  if (curveSecretKey === undefined) return { linger: 0 };
  const curveServerKey = findGiven('serverkey');
  if (curveServerKey === undefined) return { linger: 0, curveServer: true, curveSecretKey };
  return { linger: 0, curveServerKey, curvePublicKey: given('publickey'), curveSecretKey };
}

/** Options of a socket that only sends. */
export function sendOptions(): Omit<ChosenOptions, 'receiveHighWaterMark'> {
  const mark = findGiven('hwm');
  return mark === undefined
    ? curveOptions()
    : { ...curveOptions(), sendHighWaterMark: Number(mark) };
}

/** Options of a socket that only receives. */
export function receiveOptions(): Omit<ChosenOptions, 'sendHighWaterMark'> {
  const mark = findGiven('hwm');
  return mark === undefined
    ? curveOptions()
    : { ...curveOptions(), receiveHighWaterMark: Number(mark) };
}

/** Options of a socket that does both. */
export function bothOptions(): ChosenOptions {
  return { ...receiveOptions(), ...sendOptions() };
}

/** Binds or connects a socket, as the arguments say. @returns the endpoint, the real one of a bind. */
export async function attach(socket: Attachable): Promise<string> {
  const endpoint = findGiven('bind');
  if (endpoint === undefined) socket.connect(given('connect'));
  else await socket.bind(endpoint);
  return socket.lastEndpoint ?? '';
}
