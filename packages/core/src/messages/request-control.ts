/**
 * What a client says of a request beside its value, from what its program said: checked here, so that a mistake is found where
 * it was made and not by the service.
 */
import type { TraceContext } from '../current-context.ts';
import { ZscaleError } from '../errors.ts';
import { type Control, decodeControl, encodeControl } from './control.ts';

/** What a program may say of a request. */
export interface RequestWords {
  /** Its name in logs: 1 to 64 printable ASCII characters without spaces. Default: none. */
  readonly id?: string | undefined;
  /** The trace that it belongs to. Default: that of the request which is being handled, if any. */
  readonly trace?: TraceContext | undefined;
  /** W3C Baggage, as the HTTP header of that name has it, up to 8192 characters. Default: that of the request which is being handled. */
  readonly baggage?: string | undefined;
  /** Those with the same key go to the same worker, where the service has `balance: 'hash'`; up to 128 characters. */
  readonly key?: string | undefined;
  /** What the service chooses a pool by; up to 256 characters. Default: what the value says by itself. */
  readonly route?: string | undefined;
  /** Whether it may be done again when the worker that holds it is lost, where the service has `retries`. Default: as the service says. */
  readonly idempotent?: boolean | undefined;
}

const EXPECTED = {
  id: '1 to 64 printable ASCII characters without spaces',
  trace: 'a traceparent as in W3C Trace Context: version-traceid-parentid-flags',
  state: 'a tracestate as in W3C Trace Context, up to 512 printable ASCII characters',
  baggage: 'a text as in the header of W3C Baggage, up to 8192 printable ASCII characters',
  key: 'a text of up to 128 characters',
  route: 'a text of up to 256 characters',
  idempotent: 'true or false',
} as const;

/**
 * @returns undefined when nothing is said
 * @throws ZscaleError `ZSCALE_ERR_OPTIONS` for what cannot be said
 */
export function controlOf(words: RequestWords): Control | undefined {
  const { id, trace, baggage, key, route, idempotent } = words;
  if ((id ?? trace ?? baggage ?? key ?? route ?? idempotent) === undefined) return undefined;
  const control: Control = {
    ...(id !== undefined && { id }),
    ...(trace !== undefined && { trace: trace.traceparent }),
    ...(trace?.tracestate !== undefined && { state: trace.tracestate }),
    ...(baggage !== undefined && { baggage }),
    ...(key !== undefined && { key }),
    ...(route !== undefined && { route }),
    ...(idempotent !== undefined && { idempotent }),
  };
  if (decodeControl(encodeControl(control)) === undefined) refuse(control);
  return control;
}

function refuse(control: Control): never {
  for (const [name, expected] of Object.entries(EXPECTED)) {
    const value: unknown = Reflect.get(control, name);
    if (value === undefined || decodeControl(encodeControl({ [name]: value }))) continue;
    throw new ZscaleError('ZSCALE_ERR_OPTIONS', `${name} of a request must be ${expected}.`);
  }
  throw new ZscaleError(
    'ZSCALE_ERR_OPTIONS',
    'id, trace, baggage, key and route of a request are too long together: 10240 bytes. Shorten one.',
  );
}
