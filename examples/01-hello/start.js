/*
 * One handler on four workers, called ten times: what `pnpm start` shows.
 *
 *   node examples/01-hello/start.js [endpoint]      default: tcp://127.0.0.1:5555
 */
import { connect, scale } from '@zscale/core';

const bind = process.argv[2] ?? 'tcp://127.0.0.1:5555';

const server = await start();
const [endpoint] = server.endpoints;
await callTenTimes();
tellHowToCall();

async function start() {
  try {
    // The handler is a file that was there before; this call is all that scales it.
    return await scale(new URL('./handler.ts', import.meta.url), { workers: 4, bind });
  } catch (error) {
    console.error(error.message);
    process.exit(1);
  }
}

/** Ten requests at once over one connection; each reply says which worker gave it. */
async function callTenTimes() {
  const client = connect(endpoint);
  console.log(`\nTen requests to ${endpoint}:\n`);
  const requests = Array.from({ length: 10 }, async (_, i) => {
    const reply = await client.request({ name: `request ${i + 1}` });
    console.log(`  ${reply.text.padEnd(18)} from worker ${reply.worker} (pid ${reply.pid})`);
  });
  await Promise.all(requests);
  await client.close();
}

function tellHowToCall() {
  console.log(`
The server goes on at ${endpoint}. Call it from a second terminal:

  command line   pnpm exec zscale call ${endpoint} '{"name":"you"}'
  TypeScript     pnpm exec tsx examples/01-hello/client.ts ${endpoint}
  Python         python3 examples/01-hello/client.py ${endpoint}   (pip install pyzmq msgpack)

Ctrl-C finishes the open requests and stops it.
`);
}
