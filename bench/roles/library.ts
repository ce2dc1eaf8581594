/** Which library a role uses, and sockets of it as its arguments say: `library`, `bind` or `connect`, `hwm`, CURVE keys, and what multicast needs. */

import type * as Zeromq from 'zeromq';
import { findGiven, given, givenNumber } from './line.ts';

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
  readonly rate?: number;
  readonly recoveryInterval?: number;
  readonly multicastMaxTransportDataUnit?: number;
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

/** Options of multicast, as far as the arguments give them. */
function multicastOptions(): Partial<ChosenOptions> {
  const rate = findGiven('rate');
  if (rate === undefined) return {};
  return {
    rate: Number(rate),
    recoveryInterval: givenNumber('recovery'),
    multicastMaxTransportDataUnit: givenNumber('packet'),
  };
}

/** Options of a socket that only sends. */
export function sendOptions(): Omit<ChosenOptions, 'receiveHighWaterMark'> {
  const mark = findGiven('hwm');
  const options = { ...curveOptions(), ...multicastOptions() };
  return mark === undefined ? options : { ...options, sendHighWaterMark: Number(mark) };
}

/** Options of a socket that only receives. */
export function receiveOptions(): Omit<ChosenOptions, 'sendHighWaterMark'> {
  const mark = findGiven('hwm');
  const buffer = findGiven('buffer');
  const options = {
    ...curveOptions(),
    ...multicastOptions(),
    ...(buffer !== undefined && { receiveBufferSize: Number(buffer) }),
  };
  return mark === undefined ? options : { ...options, receiveHighWaterMark: Number(mark) };
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
