// A service: a function that takes a moment.
import { setTimeout } from 'node:timers/promises';

export default async function weather({ city }) {
  await setTimeout(50);
  return `${city}: sunny, says process ${process.pid}`;
}
