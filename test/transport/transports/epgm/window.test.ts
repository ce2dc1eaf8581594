/* How much the two windows of multicast hold: OpenPGM's numbers. */
import { Publisher } from '@zscale/transport';
import { describe, expect, it } from 'vitest';
import { windowOf } from '../../../../packages/transport/src/transports/epgm/window.ts';
import { closing } from '../../../support/closing.ts';

function windowWith(options: ConstructorParameters<typeof Publisher>[0]) {
  return windowOf(closing(new Publisher(options)).options);
}

describe('a window', () => {
  it('is of 80 packets by default: 10 s of 100 kbit/s in packets of 1500 bytes', () => {
    expect(windowWith({})).toEqual({ packets: 80, bytes: 120_000 });
  });

  it('is what rate and recoveryInterval bring, in whole packets', () => {
    expect(windowWith({ rate: 1000, recoveryInterval: 60 }).packets).toBe(5);
    const small = { rate: 8000, recoveryInterval: 1000, multicastMaxTransportDataUnit: 120 };
    expect(windowWith(small)).toEqual({ packets: 8333, bytes: 999_960 });
  });

  it('is of one packet at least, and never of more than numbers can tell apart', () => {
    expect(windowWith({ recoveryInterval: 0 }).packets).toBe(1);
    expect(windowWith({ rate: 1 }).packets).toBe(1);
    expect(windowWith({ rate: 0x7fff_ffff, recoveryInterval: 0x7fff_ffff }).packets).toBe(
      0x3fff_ffff,
    );
  });
});
