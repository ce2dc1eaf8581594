import { describe, expect, it } from 'vitest';
import { clientPeer, queuedRequest } from '../../support/queued-request.ts';

const idOf = (i: number): Buffer => Buffer.from(`request ${i}`);

describe('a client takes back a request', () => {
  it('without a look at all the others that it has open', () => {
    const client = clientPeer();
    let looks = 0;
    const requests = Array.from({ length: 10_000 }, (_, i) => {
      const envelope = [idOf(i)];
      return queuedRequest(
        {
          get envelope() {
            looks += 1;
            return envelope;
          },
        },
        client,
      );
    });
    expect(client.find(idOf(9999))).toBe(requests[9999]);
    looks = 0;
    for (let i = 0; i < 10_000; i += 7) expect(client.find(idOf(i))).toBe(requests[i]);
    expect(client.find(Buffer.from('none of its own'))).toBeUndefined();
    expect(looks).toBe(0);
  });

  it('the oldest with that id, and then the next', () => {
    const client = clientPeer();
    const first = queuedRequest({ envelope: [idOf(1)] }, client);
    expect(client.find(idOf(1))).toBe(first);
    const [second, third] = [
      queuedRequest({ envelope: [idOf(1)] }, client),
      queuedRequest({ envelope: [idOf(1)] }, client),
    ];
    expect(client.find(idOf(1))).toBe(first);
    client.closed(second);
    client.closed(first);
    expect(client.find(idOf(1))).toBe(third);
    client.closed(third);
    expect(client.find(idOf(1))).toBeUndefined();
  });

  it('by an id of up to 64 bytes', () => {
    const client = clientPeer();
    const [long, tooLong] = [Buffer.alloc(64, 'x'), Buffer.alloc(65, 'x')];
    const request = queuedRequest({ envelope: [long] }, client);
    const other = queuedRequest({ envelope: [tooLong] }, client);
    expect(client.find(long)).toBe(request);
    expect(client.find(tooLong)).toBeUndefined();
    client.closed(other);
    expect(client.find(long)).toBe(request);
  });
});
