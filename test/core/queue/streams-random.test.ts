/*
 * Streams whose two ends do anything at all, in any order: whatever they do, each request has one end for its gateway and nothing
 * behind it, what is relayed is in order, and nothing is left in the queue once both are done.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Control } from '../../../packages/core/src/messages/control.ts';
import { type Heard, PlayedGateway, PlayedWorker } from '../../support/played-streams.ts';
import { startGatewayQueue } from '../../support/streaming.ts';
import { until } from '../../support/until.ts';

/** Requests of one run. */
const REQUESTS = 3;

/** One thing that one of the two ends does about one request. */
interface Step {
  readonly who: 'gateway' | 'worker';
  readonly request: number;
  readonly control: Control;
  /** Of the body; undefined for none. */
  readonly size: number | undefined;
}

const request = fc.integer({ min: 0, max: REQUESTS - 1 });
const size = fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 100_000 }));
const more = fc.boolean();

const fromGateway: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    who: fc.constant<'gateway'>('gateway'),
    request,
    control: fc.record({ part: fc.constant(true), more }),
    size,
  }),
  fc.record({
    who: fc.constant<'gateway'>('gateway'),
    request,
    control: fc.record({ grant: fc.integer({ min: 1, max: 200_000 }) }),
    size: fc.constant(undefined),
  }),
  fc.record({
    who: fc.constant<'gateway'>('gateway'),
    request,
    control: fc.constant<Control>({ cancel: true }),
    size: fc.constant(undefined),
  }),
);

const fromWorker: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    who: fc.constant<'worker'>('worker'),
    request,
    control: fc.oneof(
      fc.record({ part: fc.constant(true), more }),
      fc.constant<Control>({ more: true }),
      fc.constant<Control>({ more: true, interim: true }),
      fc.constant<Control>({}),
      fc.constant<Control>({ error: true }),
    ),
    size,
  }),
  fc.record({
    who: fc.constant<'worker'>('worker'),
    request,
    control: fc.record({ grant: fc.integer({ min: 1, max: 200_000 }) }),
    size: fc.constant(undefined),
  }),
);

/** Whether a message ends an exchange. */
const isEnd = ({ control }: Heard): boolean =>
  control.error === true || (control.more !== true && control.grant === undefined);

describe('two ends that do anything', () => {
  it('leave one end for each request, in order, and nothing behind', async () => {
    const { queue, gatewayEndpoint } = await startGatewayQueue();
    const gateway = new PlayedGateway(gatewayEndpoint);
    const worker = await PlayedWorker.join(queue);
    await gateway.send('credit', { streams: true }, 'GET');
    await worker.answer(await worker.ticket(), 'ok');
    await worker.credit();
    let run = 0;
    const streamed = fc.array(fc.boolean(), { minLength: REQUESTS, maxLength: REQUESTS });
    const steps = fc.array(fc.oneof(fromGateway, fromWorker), { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(streamed, steps, async (streamed, steps) => {
        run += 1;
        const names = streamed.map((_, i) => `${run}.${i}`);
        const before = worker.heard.length;
        for (const [i, isStreamed] of streamed.entries()) {
          await gateway.send(names[i] ?? '', { streams: true, more: isStreamed }, names[i] ?? '');
        }
        await until(() => worker.heard.length >= before + REQUESTS, 'the requests');
        const tickets = names.map(
          (name) => worker.heard.find(({ body }) => String(body[0]) === name)?.name ?? '',
        );
        for (const { who, request, control, size } of steps) {
          const body = size === undefined ? [] : [Buffer.alloc(size)];
          if (who === 'gateway') await gateway.send(names[request] ?? '', control, ...body);
          else await worker.send(tickets[request] ?? '', control, ...body);
        }
        // Whatever is open still is ended by the worker, and the queue has nothing left.
        for (const ticket of tickets) await worker.send(ticket, { error: true }, '-X end');
        await until(
          () => queue.stats().workers[0]?.inFlight === 0 && queue.stats().inFlight === 0,
          'the worker to hold nothing',
        );
        expect(queue.stats()).toMatchObject({
          streams: 0,
          queued: 0,
          queuedBytes: 0,
          keptBytes: 0,
        });
        for (const [i, name] of names.entries()) {
          const wasCancelled = steps.some(
            ({ who, request, control }) => who === 'gateway' && request === i && control.cancel,
          );
          if (!wasCancelled) await until(() => gateway.of(name).some(isEnd), `the end of ${name}`);
          const heard = gateway.of(name).filter(({ control }) => control.grant === undefined);
          const ends = heard.filter(isEnd);
          expect(ends.length).toBeLessThanOrEqual(1);
          if (ends.length === 1) expect(heard.at(-1)).toBe(ends[0]);
          // Interim heads, a head, parts.
          const ranks = heard
            .filter(({ control }) => control.error !== true)
            .map(({ control }) => (control.part ? 2 : control.interim ? 0 : 1));
          expect(ranks).toEqual([...ranks].sort((one, other) => one - other));
          expect(ranks.filter((rank) => rank === 1).length).toBeLessThanOrEqual(1);
          if (ranks.includes(2)) expect(ranks).toContain(1);
        }
      }),
      { numRuns: 150 },
    );
  });
});
