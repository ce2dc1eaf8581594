/*
 * A message for which there is no memory ends its connection, and nothing else.
 */
import { Pull, Push } from '@zscale/transport';
import { afterEach, expect, it, vi } from 'vitest';
import { boundTo } from '../../support/bound.ts';
import { closing } from '../../support/closing.ts';
import { TCP_WILDCARD } from '../../support/endpoints.ts';
import { until } from '../../support/until.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

it('ends the connection that brings it with EMSGSIZE, and the next one is served', async () => {
  const pull = closing(new Pull());
  const push = closing(new Push({ reconnectInterval: 10 }));
  const endpoint = await boundTo(pull, TCP_WILDCARD);
  const faults: string[] = [];
  pull.events.on('handshake:error:protocol', ({ error }) => faults.push(String(error.code)));
  push.connect(endpoint);
  const { allocUnsafeSlow } = Buffer;
  vi.spyOn(Buffer, 'allocUnsafeSlow').mockImplementation((size) => {
    if (size > 128 * 1024) throw new RangeError('Array buffer allocation failed');
    return allocUnsafeSlow(size);
  });
  await push.send(Buffer.alloc(1024 * 1024));
  await until(() => faults.length > 0);
  expect(faults).toEqual(['EMSGSIZE']);
  let got: string | undefined;
  void pull.receive().then((message) => {
    got = String(message);
  });
  await until(async () => {
    await push.send('small'); // what was sent before the end of the connection was seen is lost
    return got;
  });
  expect(got).toBe('small');
});
