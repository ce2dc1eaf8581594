/**
 * Which mechanism a connection speaks. The greeting compares names; both sides must have chosen the same.
 *
 * Options that ask for CURVE and lack a key are told before anything is bound or connected (`checkSecurity`). Should they come
 * this far, every connection fails: nobody ever meets the key of zeros that libzmq would take.
 */

import { fail, TransportError } from '../errors.ts';
import type { ResolvedSocketOptions } from '../options.ts';
import { CurveClient } from './curve/curve-client.ts';
import { CurveServer } from './curve/curve-server.ts';
import { curveClientKeys, curveFault, curveServerKeys } from './curve/keys.ts';
import type { Mechanism, MechanismOutput, MechanismSetup } from './mechanism.ts';
import { NullMechanism } from './null.ts';
import { PlainClient } from './plain-client.ts';
import { PlainServer } from './plain-server.ts';

/**
 * Refuses options with which no handshake could succeed safely: CURVE without its keys, or with a public key that is not that of
 * the secret key. Call it before a bind or connect by tcp or ipc. It costs a computation of some ten microseconds, with CURVE alone.
 *
 * @throws TransportError `EINVAL`.
 */
export function checkSecurity(options: ResolvedSocketOptions): void {
  if (options.securityMechanism !== 'curve') return;
  const fault = curveFault(options);
  if (fault !== undefined) fail('EINVAL', complaint(options, fault));
}

/** Makes the mechanism of one new connection. */
export function createMechanism(output: MechanismOutput, setup: MechanismSetup): Mechanism {
  const { options } = setup;
  switch (options.securityMechanism) {
    case null:
      return new NullMechanism(output, setup);
    case 'plain':
      return options.plainServer ? new PlainServer(output, setup) : new PlainClient(output, setup);
    case 'curve':
      return createCurve(output, setup);
  }
}

function createCurve(output: MechanismOutput, setup: MechanismSetup): Mechanism {
  const { options } = setup;
  if (options.curveServer) {
    const keys = curveServerKeys(options);
    if (keys !== undefined) return new CurveServer(output, setup, keys);
  } else {
    const keys = curveClientKeys(options);
    if (keys !== undefined) return new CurveClient(output, setup, keys);
  }
  const fault = curveFault(options) ?? 'a key is not set';
  return new KeylessCurve(output, options.curveServer, complaint(options, fault));
}

function complaint(options: ResolvedSocketOptions, fault: string): string {
  const role = options.curveServer ? 'server' : 'client';
  return `Invalid argument: a CURVE ${role} was asked for, but ${fault}. Make keys with curveKeyPair().`;
}

/** CURVE that says nothing and lets nobody in. */
class KeylessCurve implements Mechanism {
  readonly name = 'CURVE';
  readonly asServer: boolean;
  readonly encrypts = true;
  readonly overheadBytes = 0;
  readonly allowsVersion2 = false;
  readonly #output: MechanismOutput;
  readonly #complaint: string;

  constructor(output: MechanismOutput, asServer: boolean, complaint: string) {
    this.#output = output;
    this.asServer = asServer;
    this.#complaint = complaint;
  }

  start(): void {
    this.#output.fail(new TransportError('EINVAL', this.#complaint));
  }

  receiveCommand(): void {}

  encrypt(): Buffer {
    throw new Error(this.#complaint);
  }

  encryptInto(): void {
    throw new Error(this.#complaint);
  }

  decrypt(): Buffer {
    throw new Error(this.#complaint);
  }

  close(): void {}
}
