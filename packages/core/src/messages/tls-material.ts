/**
 * What a program's server of node:https was given to speak TLS with, on its way from the worker to the gateway: the gateway speaks
 * it in its place. Private keys are in it, so it goes over the channels between processes alone, and into no log and no report.
 */

import { ZscaleError } from '../errors.ts';

/** The options of node:tls with these names. Texts are PEM. */
export interface TlsMaterial {
  readonly cert?: readonly string[];
  readonly key?: readonly TlsKey[];
  readonly ca?: readonly string[];
  /** In base64. */
  readonly pfx?: string;
  readonly passphrase?: string;
  readonly ciphers?: string;
  readonly minVersion?: string;
  readonly maxVersion?: string;
  /** Clients need a certificate. */
  readonly requestCert?: boolean;
  readonly rejectUnauthorized?: boolean;
}

/** One private key. */
export interface TlsKey {
  readonly pem: string;
  readonly passphrase?: string;
}

/** @throws ZscaleError `ZSCALE_ERR_DECODE`, which never shows what came */
export function parseTlsMaterial(value: unknown): TlsMaterial {
  if (typeof value !== 'object' || value === null) refuse('it');
  for (const [name, field] of Object.entries(value)) {
    const accepts = CHECKS[name];
    if (accepts?.(field) !== true) refuse(name);
  }
  return value; // every field was looked at
}

const CHECKS: Readonly<Record<string, (value: unknown) => boolean>> = {
  cert: isTexts,
  key: (value) => Array.isArray(value) && value.every(isKey),
  ca: isTexts,
  pfx: isText,
  passphrase: isText,
  ciphers: isText,
  minVersion: isText,
  maxVersion: isText,
  requestCert: isFlag,
  rejectUnauthorized: isFlag,
};

function isText(value: unknown): boolean {
  return typeof value === 'string';
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every(isText);
}

function isFlag(value: unknown): boolean {
  return typeof value === 'boolean';
}

function isKey(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { pem, passphrase } = value as { pem?: unknown; passphrase?: unknown };
  return isText(pem) && (passphrase === undefined || isText(passphrase));
}

function refuse(what: string): never {
  throw new ZscaleError('ZSCALE_ERR_DECODE', `what a worker says of TLS is none: ${what}.`);
}
