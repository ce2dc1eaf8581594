/*
 * The web application of a chaos run of HTTP: says what it was asked.
 */

/** @type {import('node:http').RequestListener} */
export default function listener(req, res) {
  res.setHeader('Content-Type', 'text/plain');
  res.end(`answer to ${req.url}`);
}
