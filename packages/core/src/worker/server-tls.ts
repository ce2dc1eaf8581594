/**
 * What a server of node:https was made with, for the gateway to speak TLS in its place. Node keeps it on the server, under the names
 * of its options; that is not documented, so whatever looks otherwise counts as not there.
 */

import type { Server } from 'node:net';
import type { TlsKey, TlsMaterial } from '../messages/tls-material.ts';

const WORDS = ['passphrase', 'ciphers', 'minVersion', 'maxVersion'] as const;
const FLAGS = ['requestCert', 'rejectUnauthorized'] as const;

/** Undefined where there is no certificate to be had: it is chosen by a callback, or for names alone. */
export function tlsOf(server: Server): TlsMaterial | undefined {
  const of = (name: string): unknown => Reflect.get(server, name);
  const cert = textsOf(of('cert'));
  const key = keysOf(of('key'));
  const pfx = of('pfx');
  const hasPair = cert !== undefined && key !== undefined;
  if (!hasPair && !Buffer.isBuffer(pfx)) return undefined;
  const ca = textsOf(of('ca'));
  const material: Record<string, unknown> = {
    ...(hasPair && { cert, key }),
    ...(Buffer.isBuffer(pfx) && { pfx: pfx.toString('base64') }),
    ...(ca !== undefined && { ca }),
  };
  for (const name of WORDS) if (typeof of(name) === 'string') material[name] = of(name);
  for (const name of FLAGS) if (typeof of(name) === 'boolean') material[name] = of(name);
  return material;
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [value];
}

function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  return value instanceof Uint8Array ? Buffer.from(value).toString() : undefined;
}

function textsOf(value: unknown): readonly string[] | undefined {
  const texts = listOf(value).map(textOf);
  return texts.every((text) => text !== undefined) ? texts : undefined;
}

function keysOf(value: unknown): readonly TlsKey[] | undefined {
  const keys: TlsKey[] = [];
  for (const one of listOf(value)) {
    const isPlain = typeof one === 'string' || one instanceof Uint8Array;
    const { pem: held, passphrase } = isPlain
      ? { pem: one, passphrase: undefined }
      : ((one ?? {}) as { pem?: unknown; passphrase?: unknown });
    const pem = textOf(held);
    if (pem === undefined) return undefined;
    keys.push(typeof passphrase === 'string' ? { pem, passphrase } : { pem });
  }
  return keys;
}
