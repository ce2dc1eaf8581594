/**
 * The certificate and the key of TLS, read from their files and tried before they are used: when they are read again, files that do
 * not fit together leave the old ones in use.
 */

import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { ZscaleError } from '../errors.ts';

/** Where they are. PEM; the certificate's file has the chain behind it. */
export interface TlsPaths {
  readonly tlsCert: string;
  readonly tlsKey: string;
}

/** What a server of TLS takes. */
export interface TlsContext {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** @throws ZscaleError `ZSCALE_ERR_OPTIONS` when one cannot be read, or they are no pair */
export function readTlsFiles({ tlsCert, tlsKey }: TlsPaths): TlsContext {
  const context = { cert: read('tlsCert', tlsCert), key: read('tlsKey', tlsKey) };
  try {
    createSecureContext(context);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ZscaleError(
      'ZSCALE_ERR_OPTIONS',
      `tlsCert ${tlsCert} and tlsKey ${tlsKey} must be a certificate and its key, both PEM and without a passphrase: ${reason}`,
      { cause: error },
    );
  }
  return context;
}

function read(option: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ZscaleError('ZSCALE_ERR_OPTIONS', `${option} cannot be read: ${reason}`, {
      cause: error,
    });
  }
}
