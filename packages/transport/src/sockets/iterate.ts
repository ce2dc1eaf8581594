/**
 * `for await` over the messages of a socket. An object with `next()` in place of an async generator, which makes three promises more
 * for each message (docs/performance.md, "Iterating").
 */

/** What is iterated over: any socket with a `receive()`. */
export interface Receiving<M> {
  readonly closed: boolean;
  receive(): Promise<M>;
}

const END: IteratorReturnResult<undefined> = { done: true, value: undefined };

/** Messages of a socket until it is closed, by its `receive()`. After an error there are no more. */
export function iterate<M>(socket: Receiving<M>): AsyncIterableIterator<M, undefined> {
  return new Messages(socket);
}

class Messages<M> implements AsyncIterableIterator<M, undefined> {
  readonly #socket: Receiving<M>;
  #isOver = false;
  readonly #ended: (error: unknown) => IteratorResult<M, undefined>;

  constructor(socket: Receiving<M>) {
    this.#socket = socket;
    this.#ended = (error) => {
      this.#isOver = true;
      if (socket.closed) return END;
      throw error;
    };
  }

  next(): Promise<IteratorResult<M, undefined>> {
    if (this.#isOver || this.#socket.closed) return Promise.resolve(END);
    return this.#socket.receive().then(toResult, this.#ended) as Promise<
      IteratorResult<M, undefined>
    >; // toResult is generic
  }

  return(): Promise<IteratorResult<M, undefined>> {
    this.#isOver = true;
    return Promise.resolve(END);
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<M, undefined> {
    return this;
  }
}

function toResult<M>(value: M): IteratorYieldResult<M> {
  return { done: false, value };
}
