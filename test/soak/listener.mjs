/*
 * The web application of a soak run: that of a chaos run, and two answers for clients that do not wait for them.
 */
import { pipeline, Readable } from 'node:stream';
import listener from '../chaos/http-listener.mjs';

const PIECE = Buffer.alloc(64 * 1024);
const PIECES = 64;
const SLOW_MS = 1000;

/** @type {import('node:http').RequestListener} */
export default function soaked(req, res) {
  if (req.url === '/slow') setTimeout(() => res.end('slow'), SLOW_MS);
  else if (req.url === '/large') pipeline(Readable.from(pieces()), res, () => {});
  else listener(req, res);
}

function* pieces() {
  for (let i = 0; i < PIECES; i += 1) yield PIECE;
}
