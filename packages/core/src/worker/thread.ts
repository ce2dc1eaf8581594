/**
 * The program of a thread that answers requests: loads the handler, then answers what the pool gives it, one at a time.
 *
 * Everything that can go wrong with the handler is an answer; a thread that ends is the pool's business.
 */

import { BroadcastChannel, threadId, workerData } from 'node:worker_threads';
import { errorReplyOf, ZscaleError } from '../errors.ts';
import { MessageHandler } from '../handlers/message-handler.ts';
import { cancelled, RequestContext, RequestHost } from '../handlers/request-context.ts';
import { createLogger } from '../logger.ts';
import { createCodec } from '../messages/payload.ts';
import { type OpenTelemetry, openTelemetry } from '../tracing/open-telemetry.ts';
import { HttpCapture } from './capture-http.ts';
import { loadHandler } from './load-module.ts';
import { processRole } from './process-role.ts';
import { answerMetrics } from './thread-metrics.ts';
import {
  asBuffer,
  moveReply,
  ownBytes,
  type ThreadData,
  type ThreadReply,
  type ThreadTask,
  type ThreadWord,
} from './thread-pool.ts';
import { traced } from './traced-handler.ts';

const { start, channel }: ThreadData = workerData;
processRole().worker = start;

const codec = createCodec(start.codec);
const host = new RequestHost(
  { id: start.workerId, pid: process.pid, service: start.serviceName },
  Infinity, // each request says what is left for it
  () => createLogger(),
);
const capture = new HttpCapture({
  onListen: (_server, endpoint) => refuseListen(endpoint),
  onClose: () => {},
  onRefused: () => {}, // it is thrown to the module, which cannot be loaded then
});
/** The SDK that the program has registered here, once it is loaded; each thread has its own. */
let telemetry: OpenTelemetry | undefined;

const loading = loadHandler(start.module ?? '', start.exportName, start.functions).then(
  (handler) => {
    capture.end();
    telemetry = openTelemetry(start.module);
    return traced(new MessageHandler(handler, codec), telemetry);
  },
);
loading.catch(() => {}); // told to whoever asks first, which is the pool

/** The request that is being answered. */
let current: { readonly number: number; readonly context: RequestContext } | undefined;

/** Cancellations of requests that this thread may be about to get: they come by another way. Those of other threads are among them. */
const early = new Set<number>();
const MAX_EARLY = 64;

const said = new BroadcastChannel(channel);
said.unref();
said.onmessage = (event: unknown): void => {
  const word = Reflect.get(Object(event), 'data') as ThreadWord; // nobody says anything else
  if (typeof word !== 'number') {
    if ('round' in word) void answerMetrics(channel, word);
  } else if (current?.number === word) current.context.cancel();
  else remember(word);
};
loading.then(
  () => said.postMessage({ loaded: threadId } satisfies ThreadWord),
  () => {},
);

function remember(number: number): void {
  early.add(number);
  for (const oldest of early) {
    if (early.size <= MAX_EARLY) return;
    early.delete(oldest);
  }
}

/** Does what the pool asks; called again when it is done. */
export default async function answer(task: ThreadTask): Promise<unknown> {
  try {
    const handler = await loading;
    if (task.type === 'load') {
      const reply: ThreadReply = {
        type: 'loaded',
        isIdempotent: handler.isIdempotent !== undefined,
        records: telemetry !== undefined,
      };
      return reply;
    }
    if (task.type === 'flush') {
      await telemetry?.flush();
      const reply: ThreadReply = { type: 'flushed' };
      return reply;
    }
    if (early.delete(task.number)) throw cancelled();
    const context = new RequestContext(host, undefined, performance.now(), task.control);
    current = { number: task.number, context };
    try {
      const body = await handler.handle(task.body.map(asBuffer), context);
      // Bytes that the handler returned as they are may be bytes that it keeps.
      const own = codec.name === 'raw' ? body.map((frame) => new Uint8Array(frame)) : body;
      return moveReply({ type: 'reply', body: own.map(ownBytes) });
    } finally {
      current = undefined;
      context.end();
    }
  } catch (error) {
    const reply: ThreadReply = { type: 'error', error: errorReplyOf(error) };
    return reply;
  }
}

function refuseListen(endpoint: string): never {
  throw new ZscaleError(
    'ZSCALE_ERR_LOAD',
    `the module listens on ${endpoint}, and threads run handlers of values: a connection cannot be given to a thread. ` +
      'Leave --threads (option threads) out, and start more workers instead',
  );
}
