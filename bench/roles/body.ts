/** What is sent. The same Buffer every time, for all alike: nobody writes to it. */

/** A body of some bytes. @param first is its first byte, by which subscribers know it. */
export function makeBody(bytes: number, first = 'x'): Buffer {
  const body = Buffer.alloc(bytes, 'x');
  body.write(first);
  return body;
}
