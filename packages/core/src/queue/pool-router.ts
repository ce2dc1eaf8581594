/**
 * Which pool a request belongs to: the first one of whose patterns its route matches, else the default pool, 0.
 *
 * Its route is what its client says (`route`); else, with codec raw, the text of its first frame; else the value itself where that
 * is a text, or the first text among its properties `route`, `path` and `method`. For that a body is decoded, so it is done
 * only where there are pools, and not for a frame over 64 KiB: who sends such says its route. What cannot be decoded goes to
 * the default pool, whose worker says why.
 */

import { type Frames as Message, wholeFrame } from '@zscale/transport';
import { type Codec, isRecord } from '../messages/codec.ts';
import type { Control } from '../messages/control.ts';
import { matchesPattern } from './route-pattern.ts';

const READ_MAX_BYTES = 64 * 1024;
/** As long as a route that a client says. */
const ROUTE_MAX_CHARACTERS = 256;
const PROPERTIES = ['route', 'path', 'method'] as const;

/** Chooses pools. */
export class PoolRouter {
  readonly #codec: Codec;
  /** The patterns of each pool, from pool 1 on. */
  readonly #patterns: readonly (readonly string[])[];

  /** @param patterns of each pool behind the default one. */
  constructor(codec: Codec, patterns: readonly (readonly string[])[]) {
    this.#codec = codec;
    this.#patterns = patterns;
  }

  /** @param body frames of the request; left as they are. @returns the number of its pool, 0 for the default one. */
  poolOf(control: Control | undefined, body: Message): number {
    const route = control?.route ?? this.#routeIn(body);
    if (route === undefined) return 0;
    return this.#patterns.findIndex((all) => all.some((one) => matchesPattern(one, route))) + 1;
  }

  #routeIn(body: Message): string | undefined {
    const [first] = body;
    if (first === undefined || first.length > READ_MAX_BYTES) return undefined;
    if (this.#codec.name === 'raw') {
      return wholeFrame(first).toString('utf8', 0, ROUTE_MAX_CHARACTERS);
    }
    if (body.length > 1) return undefined;
    try {
      return routeIn(this.#codec.decode([wholeFrame(first)]));
    } catch {
      // No value of this codec: the worker that gets it tells its client.
      return undefined;
    }
  }
}

function routeIn(value: unknown): string | undefined {
  if (typeof value === 'string') return value.slice(0, ROUTE_MAX_CHARACTERS);
  if (!isRecord(value)) return undefined;
  for (const name of PROPERTIES) {
    const route = value[name];
    if (typeof route === 'string') return route.slice(0, ROUTE_MAX_CHARACTERS);
  }
  return undefined;
}
