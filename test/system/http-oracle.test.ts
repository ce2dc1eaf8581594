/*
 * The oracle: an application alone (`node app`), and the same one scaled (`zscale run app --workers 2`), are asked the same, byte for
 * byte, and must answer the same: status and reason, headers with their names, order and spelling, body, trailers, what came before,
 * how it is framed, and whether the connection is kept. Only the value of Date is not looked at; what else may differ, and why, is the
 * table in test/support/http-differences.ts.
 */
import { describe, expect, it } from 'vitest';
import { sample, TABLE } from '../support/http-corpus.ts';
import { differences } from '../support/http-differences.ts';
import { startAlone, startScaled } from '../support/web-application.ts';

const MADE_UP = 300;
const QUESTIONS = [...TABLE, ...sample(MADE_UP)];
/** How long a connection is kept is for the gateway to say; as Node's own server has it, it can be compared. */
const AS_NODE = ['--keep-alive-timeout', '5s'];
const PATIENCE = { timeout: 120_000 };

describe('an application on node:http', () => {
  it.each([
    ['plain.mjs', 'an ES module'],
    ['plain.cjs', 'CommonJS, with a listener for checkContinue'],
    ['plain.ts', 'TypeScript'],
  ])('answers the same scaled as alone: %s, %s', PATIENCE, async (name) => {
    const alone = await startAlone(`http/${name}`);
    const scaled = await startScaled(`http/${name}`, AS_NODE);
    expect(await differences(alone.port, scaled.port, QUESTIONS)).toEqual([]);
    expect(QUESTIONS.length).toBeGreaterThan(1100);
  });
});
