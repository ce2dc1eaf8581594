/**
 * What a gateway speaks TLS with: certificate and key from files, else what the program's own server was made with. It is tried
 * before it is used: when it is read again, files that do not fit together leave the old ones in use.
 */

import { readFileSync } from 'node:fs';
import { createSecureContext, type TlsOptions } from 'node:tls';
import { ZscaleError } from '../errors.ts';
import type { TlsMaterial } from '../messages/tls-material.ts';

/** Where they are. PEM; the certificate's file has the chain behind it. */
export interface TlsPaths {
  readonly tlsCert: string;
  readonly tlsKey: string;
}

/** See the top of the file. */
export class TlsSource {
  readonly #files: TlsPaths | undefined;
  #program: TlsMaterial | undefined;

  constructor({
    files,
    program,
  }: {
    readonly files: TlsPaths | undefined;
    readonly program: TlsMaterial | undefined;
  }) {
    this.#files = files;
    this.#program = program;
  }

  /** The program has something else now. @returns whether it is something else */
  use(program: TlsMaterial): boolean {
    if (JSON.stringify(program) === JSON.stringify(this.#program)) return false;
    this.#program = program;
    return true;
  }

  /**
   * For a server of TLS; undefined where there is no certificate.
   *
   * @throws ZscaleError `ZSCALE_ERR_OPTIONS` when a file cannot be read, or they are no pair
   */
  read(): TlsOptions | undefined {
    const material = this.readMaterial();
    return material && optionsOf(material);
  }

  /** The same, as it is handed to another process, which then needs no files. @throws as {@link read} */
  readMaterial(): TlsMaterial | undefined {
    if (this.#files !== undefined) {
      const { cert: _cert, key: _key, pfx: _pfx, ...rules } = this.#program ?? {};
      // Who may come in is the program's word also where the certificate is not.
      return { ...rules, ...readTlsFiles(this.#files) };
    }
    return this.#program && tried(this.#program, 'what the program speaks TLS with');
  }
}

function readTlsFiles({ tlsCert, tlsKey }: TlsPaths): TlsMaterial {
  return tried(
    { cert: [read('tlsCert', tlsCert)], key: [{ pem: read('tlsKey', tlsKey) }] },
    `tlsCert ${tlsCert} and tlsKey ${tlsKey}`,
  );
}

function tried(material: TlsMaterial, what: string): TlsMaterial {
  try {
    createSecureContext(optionsOf(material));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ZscaleError(
      'ZSCALE_ERR_OPTIONS',
      `${what} must be a certificate and its key, both PEM and without a passphrase: ${reason}`,
      { cause: error },
    );
  }
  return material;
}

function optionsOf(material: TlsMaterial): TlsOptions {
  const { cert, key, pfx, ...rules } = material;
  return {
    ...(rules as TlsOptions), // the same names, and Node checks the versions
    ...(cert !== undefined && { cert: [...cert] }),
    ...(key !== undefined && { key: [...key] }),
    ...(pfx !== undefined && { pfx: Buffer.from(pfx, 'base64') }),
  };
}

function read(option: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ZscaleError('ZSCALE_ERR_OPTIONS', `${option} cannot be read: ${reason}`, {
      cause: error,
    });
  }
}
