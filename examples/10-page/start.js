/*
 * Three services and a page that asks all of them at once.
 *
 *   node examples/10-page/start.js [port]      default: 3000
 */
import { scale } from '@zscale/core';

const port = process.argv[2] ?? '3000';
const parts = {};
for (const name of ['weather', 'news', 'stocks']) {
  const service = await scale(new URL(`./${name}.mjs`, import.meta.url), {
    workers: 2,
    bind: 'tcp://127.0.0.1:*',
  });
  parts[name] = service.endpoints[0];
}
process.env.PARTS = JSON.stringify(parts); // the page's workers read it
const page = await scale(new URL('./page.mjs', import.meta.url), {
  workers: 2,
  bind: `http://127.0.0.1:${port}`,
});
console.log(`the page is at ${page.endpoints[0]}`);
