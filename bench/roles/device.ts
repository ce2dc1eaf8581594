/** A device: ours, or npm zeromq's Proxy as its documentation has it. Arguments: `library`, `kind`, `hwm`. */

import { loadLibrary } from './library.ts';
import { findGiven, given, listen, sayReady } from './line.ts';

const ENDPOINT = 'tcp://127.0.0.1:*';

listen();
const kind = given('kind');
const hwm = findGiven('hwm');
if (kind !== 'QUEUE' && kind !== 'FORWARDER' && kind !== 'STREAMER') {
  throw new Error(`there is no device ${kind}`);
}
if (given('library') === 'zscale') await startOurs(kind);
else await startTheirs(kind);

async function startOurs(kind: 'QUEUE' | 'FORWARDER' | 'STREAMER'): Promise<void> {
  const { device } = await import('@zscale/transport');
  const marks = hwm === undefined ? {} : { highWaterMark: Number(hwm) };
  const { endpoints } = await device(kind, { frontend: ENDPOINT, backend: ENDPOINT, ...marks });
  sayReady(...endpoints.frontend, ...endpoints.backend);
}

async function startTheirs(kind: 'QUEUE' | 'FORWARDER' | 'STREAMER'): Promise<void> {
  const library = await loadLibrary();
  const send = hwm === undefined ? {} : { sendHighWaterMark: Number(hwm) };
  const receive = hwm === undefined ? {} : { receiveHighWaterMark: Number(hwm) };
  const both = { ...send, ...receive };
  const [front, back] = {
    QUEUE: () => [new library.Router(both), new library.Dealer(both)] as const,
    FORWARDER: () => [new library.XSubscriber(both), new library.XPublisher(both)] as const,
    STREAMER: () => [new library.Pull(receive), new library.Push(send)] as const,
  }[kind]();
  await front.bind(ENDPOINT);
  await back.bind(ENDPOINT);
  sayReady(front.lastEndpoint ?? '', back.lastEndpoint ?? '');
  await new library.Proxy(front, back).run();
}
