/*
 * The oracle for frameworks: the same application alone and scaled, asked the same as bytes. See http-oracle.test.ts.
 */
import { describe, expect, it } from 'vitest';
import { fixture, type ProgramOptions } from '../support/cli.ts';
import { WEB } from '../support/http-corpus.ts';
import { differences } from '../support/http-differences.ts';
import type { Conversation } from '../support/raw-http.ts';
import { startAlone, startScaled } from '../support/web-application.ts';

const PATIENCE = { timeout: 120_000 };
/** As each has it alone: that is for the gateway to say. */
const KEPT = ['--keep-alive-timeout', '5s'];
const KEPT_BY_FASTIFY = ['--keep-alive-timeout', '72s'];

describe.each([
  ['Express 5', 'express', KEPT],
  ['Fastify 5', 'fastify', KEPT_BY_FASTIFY],
  ['Koa', 'koa', KEPT],
  ['Hono by its server for Node', 'hono', KEPT],
  ['Nest', 'nest', KEPT],
])('an application on %s', (_framework, name, args) => {
  it.each(['mjs', 'cjs', 'ts'])(
    'answers the same scaled as alone, as .%s',
    PATIENCE,
    async (type) => {
      const isNestInTypeScript = name === 'nest' && type === 'ts';
      const file = isNestInTypeScript ? 'http/nest/main.ts' : `http/${name}.${type}`;
      // Where its tsconfig is, for decorators.
      const options: ProgramOptions = isNestInTypeScript ? { cwd: fixture('http/nest') } : {};
      const alone = await startAlone(file, options);
      const scaled = await startScaled(file, args, options);
      expect(await differences(alone.port, scaled.port, WEB)).toEqual([]);
    },
  );
});

describe('an application that is exported for its fetch', () => {
  it(
    'answers the same as by a server of its own, but for the spelling of headers',
    PATIENCE,
    async () => {
      const alone = await startAlone('http/hono.mjs');
      const scaled = await startScaled('http/hono-fetch.mjs', [...KEPT, '--port', 'PORT']);
      expect(await differences(alone.port, scaled.port, WEB, { as: loosely })).toEqual([]);
    },
  );
});

/** A Response has its headers in lower case and sorted, and does not say how its body is framed: the two servers each do. */
function loosely(told: Conversation): Conversation {
  const answers = told.answers.map((answer) => {
    const headers = answer.headers
      .map((line) => line.toLowerCase().replace('; charset', ';charset'))
      .filter((line) => !/^(content-length|transfer-encoding|connection|keep-alive):/.test(line))
      .sort();
    return { ...answer, headers, framing: 'none' as const };
  });
  return { ...told, answers };
}
