// A handler of values: it knows nothing of HTTP, nor of ZeroMQ.
const prices = new Map([
  ['tea', 2.5],
  ['coffee', 3],
  ['water', 1],
]);

export default function order({ item, count = 1 }) {
  const price = prices.get(item);
  if (price === undefined) throw Object.assign(new Error(`no ${item} here`), { code: 'ENOENT' });
  return { item, count, total: price * count, worker: process.env.ZSCALE_WORKER_ID };
}
