/*
 * The hook that a host of unmodified programs puts in front of a bind.
 */
import { Dealer, type HookedSocket, Reply, Router, setBindHook } from '@zscale/transport';
import { afterEach, describe, expect, it } from 'vitest';
import { closing } from '../support/closing.ts';
import { freshIpc } from '../support/endpoints.ts';
import { texts } from '../support/hex.ts';
import { within } from '../support/until.ts';

const ASKED_FOR = 'tcp://127.0.0.1:9';

afterEach(() => setBindHook(undefined));

/** Connects REP sockets elsewhere instead of binding them; gives what it was asked. */
function connectInstead(elsewhere: string): string[] {
  const asked: string[] = [];
  let taken: HookedSocket | undefined;
  setBindHook({
    bind(socket, endpoint) {
      asked.push(`bind ${endpoint}`);
      if (socket.type !== 4) return false;
      taken = socket;
      socket.connect(elsewhere);
      return true;
    },
    unbind(socket, endpoint) {
      asked.push(`unbind ${endpoint}`);
      if (socket !== taken) return false;
      socket.disconnect(elsewhere);
      return true;
    },
    endpointOf: (socket) => (socket === taken ? ASKED_FOR : undefined),
  });
  return asked;
}

describe('a bind hook', () => {
  it('sees to a bind and an unbind, of both forms, and says what lastEndpoint is', async () => {
    const elsewhere = freshIpc();
    const dealer = closing(new Dealer());
    await dealer.bind(elsewhere);
    const asked = connectInstead(elsewhere);
    const server = closing(new Reply());
    await server.bind(ASKED_FOR);
    expect(server.lastEndpoint).toBe(ASKED_FOR);
    await dealer.send(['', 'a']);
    expect(texts(await within(server.receive(), 'a request'))).toEqual(['a']);
    await server.send('b');
    expect(texts(await within(dealer.receive(), 'a reply'))).toEqual(['', 'b']);
    await server.unbind(ASKED_FOR);
    server.bindSync(ASKED_FOR);
    server.unbindSync(ASKED_FOR);
    const [bind, unbind] = [`bind ${ASKED_FOR}`, `unbind ${ASKED_FOR}`];
    expect(asked).toEqual([bind, unbind, bind, unbind]);
  });

  it('leaves alone what it does not see to', async () => {
    const asked = connectInstead(freshIpc());
    const endpoint = freshIpc();
    const router = closing(new Router());
    await router.bind(endpoint);
    expect(router.lastEndpoint).toBe(endpoint);
    await router.unbind(endpoint);
    router.bindSync(endpoint);
    router.unbindSync(endpoint);
    expect(asked).toEqual([1, 2].flatMap(() => [`bind ${endpoint}`, `unbind ${endpoint}`]));
  });

  it('refuses by throwing, and the socket is as it was', async () => {
    setBindHook({
      bind() {
        throw new Error('not here');
      },
      unbind: () => false,
      endpointOf: () => undefined,
    });
    const server = closing(new Reply());
    await expect(server.bind(ASKED_FOR)).rejects.toThrow('not here');
    expect(() => server.bindSync(ASKED_FOR)).toThrow('not here');
    expect(server.hasEndpoints).toBe(false);
  });
});
