/*
 * The chat on four workers, and the FORWARDER by which they hear of each other.
 *
 *   node examples/11-chat/start.js [port]      default: 3000
 */
import { scale } from '@zscale/core';
import { device } from '@zscale/transport';

process.env.PORT = process.argv[2] ?? '3000'; // the workers read it
const forwarder = await device('FORWARDER', {
  frontend: 'tcp://127.0.0.1:*',
  backend: 'tcp://127.0.0.1:*',
});
process.env.CHAT_SAY = forwarder.endpoints.frontend[0];
process.env.CHAT_HEAR = forwarder.endpoints.backend[0];
const chat = await scale(new URL('./chat.mjs', import.meta.url), { workers: 4 });
console.log(`the chat is at ${chat.endpoints[0]}`);
