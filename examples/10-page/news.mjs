// A service that is slow.
import { setTimeout } from 'node:timers/promises';

export default async function news() {
  await setTimeout(400);
  return `nothing new, says process ${process.pid}`;
}
