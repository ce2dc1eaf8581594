import { Dealer } from '@zscale/transport';
import { describe, expect, it } from 'vitest';
import { closing } from '../../support/closing.ts';
import { freshIpc } from '../../support/endpoints.ts';
import { countOf, recordEvents } from '../../support/recorded-events.ts';
import { until } from '../../support/until.ts';

describe('the endpoints of a socket', () => {
  it('that will never be tried again are forgotten in time, those that will are not', async () => {
    const socket = closing(new Dealer({ reconnectInterval: -1 }));
    const events = recordEvents(socket);
    const gone = Array.from({ length: 64 }, freshIpc);
    for (const endpoint of gone) socket.connect(endpoint);
    await until(() => countOf(events, 'close') === gone.length, 'all to be refused');
    socket.reconnectInterval = 1000;
    const tried = freshIpc();
    socket.connect(tried);
    for (const endpoint of gone) {
      expect(() => socket.disconnect(endpoint)).toThrow(
        expect.objectContaining({ code: 'ENOENT' }),
      );
    }
    socket.disconnect(tried);
  });
});
