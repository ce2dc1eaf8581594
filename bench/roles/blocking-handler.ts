/** The handler of a service that blocks its worker for as many milliseconds as the request says, without computing. */

import { block } from './block.ts';

/** @returns the request. */
export default function wait(request: Buffer): Buffer {
  block(request);
  return request;
}
