/** What the values of options are checked with. Wrong types throw TypeErrors, as zeromq.js does; wrong values EINVAL. */

import { fail, failType } from './errors.ts';

/** Throws for a value that the option `name` cannot have. */
export type Check = (name: string, value: unknown) => void;

/** Largest value of a C int, which most options are. */
export const INT32_MAX = 0x7fff_ffff;

/** A whole number within limits. */
export function integer(min: number, max: number = INT32_MAX): Check {
  const expected = `a whole number from ${min} to ${max}`;
  return (name, value) => {
    if (typeof value !== 'number') refuseType(name, 'a number', value);
    if (!Number.isInteger(value) || value < min || value > max) refuse(name, expected, value);
  };
}

/** Any number within limits. */
export function number(min: number, max: number): Check {
  const expected = `a number from ${min} to ${max}`;
  return (name, value) => {
    if (typeof value !== 'number') refuseType(name, 'a number', value);
    if (!(value >= min && value <= max)) refuse(name, expected, value);
  };
}

/** True or false. */
export function boolean(name: string, value: unknown): void {
  if (typeof value !== 'boolean') refuseType(name, 'a boolean', value);
}

/** Null, or a string (or Buffer) of 1 to `maxBytes` bytes. */
export function text(maxBytes: number): Check {
  return (name, value) => {
    if (value === null) return;
    if (typeof value !== 'string' && !Buffer.isBuffer(value))
      refuseType(name, 'a string, a Buffer or null', value);
    const bytes = Buffer.byteLength(value);
    if (bytes < 1 || bytes > maxBytes)
      refuse(name, `null or a string of 1 to ${maxBytes} bytes`, `${bytes} bytes`);
  };
}

/** One of a few values. */
export function oneOf(values: readonly (string | null)[]): Check {
  return (name, value) => {
    if (!values.includes(value as string | null)) refuse(name, values.join(', '), value);
  };
}

/** @throws TransportError `EINVAL` */
export function refuse(name: string, expected: string, value: unknown): never {
  fail('EINVAL', `Invalid argument: the option ${name} is ${expected}; got ${shown(value)}.`);
}

/** @throws TypeError with the code `ERR_INVALID_ARG_TYPE` */
export function refuseType(name: string, expected: string, value: unknown): never {
  failType(`Option value must be ${expected}: ${name} got ${shown(value)}.`);
}

function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'object' && value !== null) return value.constructor?.name ?? 'an object';
  return String(value);
}
