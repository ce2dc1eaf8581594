/*
 * Requests in the queue's hands without a queue: clients whose pipe the test holds, and what they
 * asked.
 */
import { Pipe } from '@zscale/transport';
import { ClientPeer } from '../../packages/core/src/queue/client-peer.ts';
import type { Client, QueuedRequest } from '../../packages/core/src/queue/queued-request.ts';
import { connectPipe } from './attached-pipe.ts';
import { RecordingSink } from './recording-pipe-ends.ts';

/** A client that is connected and has sent nothing. */
export function clientPeer(): Client {
  const pipe = new Pipe(new RecordingSink(), { sendHighWaterMark: 0, receiveHighWaterMark: 0 });
  connectPipe(pipe, 'DEALER');
  return new ClientPeer(pipe);
}

/** A request that has just come, open at its client. */
export function queuedRequest(
  facts: Partial<QueuedRequest> = {},
  client: Client = clientPeer(),
): QueuedRequest {
  const request: QueuedRequest = {
    state: 'queued',
    client,
    envelope: [Buffer.alloc(0)],
    message: [],
    bytes: 0,
    memory: 1,
    number: 0,
    arrived: 0,
    given: 0,
    expires: Infinity,
    isHurried: false,
    control: undefined,
    mark: undefined,
    pool: 0,
    pin: 0,
    attempts: 0,
    isKept: false,
    isIdempotent: false,
    worker: undefined,
    ticket: Buffer.alloc(8),
    stream: undefined,
    line: undefined,
    ahead: undefined,
    behind: undefined,
    older: undefined,
    newer: undefined,
    ...facts,
  };
  client.opened(request);
  return request;
}
