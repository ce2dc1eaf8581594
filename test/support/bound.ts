/*
 * Binding in one step: the tests want the real endpoint, not the wildcard they asked for.
 */

/** What a socket of any stack has. */
interface Bindable {
  readonly lastEndpoint: string | null;
  bind(endpoint: string): Promise<void>;
}

/** Binds `socket` and gives the endpoint that peers can connect to. */
export async function boundTo(socket: Bindable, endpoint: string): Promise<string> {
  await socket.bind(endpoint);
  if (socket.lastEndpoint === null) throw new Error(`bound to ${endpoint}, but to what?`);
  return socket.lastEndpoint;
}
