/*
 * A client in TypeScript: the reply has the handler's type, and no code of the handler is loaded.
 *
 *   npx tsx examples/01-hello/client.ts [endpoint] [name]
 */
import { connect } from '@zscale/core';
import type hello from './handler.ts';

const [endpoint = 'tcp://127.0.0.1:5555', name = 'TypeScript'] = process.argv.slice(2);

const client = connect<typeof hello>(endpoint);
const reply = await client.request({ name });
console.log(`${reply.text} from worker ${reply.worker} (pid ${reply.pid})`);
await client.close();
