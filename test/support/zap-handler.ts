/*
 * ZAP handlers (RFC 27) as a program writes them: a Reply or a Router at `inproc://zeromq.zap.01`, ours or npm zeromq's.
 */
import { closing } from './closing.ts';

/** Where handlers are bound. */
export const ZAP_ENDPOINT = 'inproc://zeromq.zap.01';

/** A request, taken apart. */
export interface ZapRequest {
  readonly version: string;
  readonly id: Buffer;
  readonly domain: string;
  readonly address: string;
  readonly routingId: string;
  readonly mechanism: string;
  readonly credentials: readonly Buffer[];
}

/** What a handler decides. Undefined: nothing, ever. */
export interface ZapDecision {
  readonly status: string;
  readonly userId?: string;
  readonly metadata?: Buffer;
}

/** A socket of either implementation that receives and sends frames. */
export interface HandlerSocket {
  bind(endpoint: string): Promise<void>;
  receive(): Promise<Buffer[]>;
  send(message: Buffer[]): Promise<void>;
  close(): unknown;
}

/** A request of its frames, the first of which is the version. */
export function requestOf(frames: readonly Buffer[]): ZapRequest {
  const [version, id = Buffer.alloc(0), domain, address, routingId, mechanism] = frames;
  const text = (frame: Buffer | undefined): string => frame?.toString() ?? 'nothing';
  return {
    version: text(version),
    id,
    domain: text(domain),
    address: text(address),
    routingId: text(routingId),
    mechanism: text(mechanism),
    credentials: frames.slice(6),
  };
}

/** The frames of a reply. */
export function replyOf({ id }: ZapRequest, decision: ZapDecision): Buffer[] {
  const { status, userId = '', metadata = Buffer.alloc(0) } = decision;
  const [version, text] = [Buffer.from('1.0'), Buffer.from('because')];
  return [version, id, Buffer.from(status), text, Buffer.from(userId), metadata];
}

/** Binds `socket`, a Reply, and answers as `decide` says until the test ends. Gives the requests so far. */
export async function zapHandler(
  socket: HandlerSocket,
  decide: (request: ZapRequest) => ZapDecision,
): Promise<ZapRequest[]> {
  closing(socket);
  await socket.bind(ZAP_ENDPOINT);
  const requests: ZapRequest[] = [];
  const serve = async (): Promise<void> => {
    for (;;) {
      const request = requestOf(await socket.receive());
      requests.push(request);
      await socket.send(replyOf(request, decide(request)));
    }
  };
  serve().catch(() => {}); // The test is over: the socket was closed.
  return requests;
}

/** Lets the user `admin` with the password `secret` in, and nobody else. */
export function adminOnly({ credentials }: ZapRequest): ZapDecision {
  const [username, password] = credentials.map(String);
  return username === 'admin' && password === 'secret'
    ? { status: '200', userId: 'admin' }
    : { status: '400' };
}
