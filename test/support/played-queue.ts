/*
 * A queue that speaks zscale, played by a test: a DEALER that announces X-Zscale and writes its frames by hand.
 */
import { Dealer } from '@zscale/transport';
import { announce } from '../../packages/core/src/messages/announcement.ts';
import {
  type Control,
  decodeControl,
  encodeControl,
} from '../../packages/core/src/messages/control.ts';
import { closing } from './closing.ts';
import { within } from './until.ts';

const NO_TICKET = Buffer.alloc(8);

/** One message of a worker, as a test reads it. */
export interface Said {
  readonly ticket: number;
  readonly control: Control | undefined;
  readonly body: readonly string[];
}

/** The ticket of the `n`th request. */
function ticketOf(n: number): Buffer {
  const ticket = Buffer.alloc(8);
  ticket.writeUInt32BE(n, 4);
  return ticket;
}

/** A queue that speaks zscale, played by the test. */
export class PlayedQueue {
  readonly #dealer = closing(new Dealer({ metadata: announce(), sendHighWaterMark: 0 }));

  /** Where workers connect. */
  async bind(endpoint = 'tcp://127.0.0.1:*'): Promise<string> {
    await this.#dealer.bind(endpoint);
    return this.#dealer.lastEndpoint ?? '';
  }

  /** Gives the worker its `n`th request. */
  give(n: number, text: string, control?: Control): Promise<void> {
    const mark = control === undefined ? '' : encodeControl(control);
    return this.#dealer.send([ticketOf(n), mark, text]);
  }

  /** Sends anything about the `n`th request. */
  say(n: number, control: Control, ...body: Array<string | Buffer>): Promise<void> {
    return this.#dealer.send([ticketOf(n), encodeControl(control), ...body]);
  }

  /** Says that nobody waits for the `n`th request. */
  cancel(n: number): Promise<void> {
    return this.#dealer.send([ticketOf(n), encodeControl({ cancel: true })]);
  }

  /** Says that nothing more comes. */
  drain(): Promise<void> {
    return this.#dealer.send([NO_TICKET, encodeControl({ drain: true })]);
  }

  /** Ends its connections. */
  close(): void {
    this.#dealer.close();
  }

  /** The next thing the worker says that is not about its credit. */
  async heard(): Promise<Said> {
    for (;;) {
      const [ticket, mark, ...body] = await within(this.#dealer.receive(), 'the worker');
      const control = mark === undefined ? undefined : decodeControl(mark);
      if (control?.credit !== undefined) continue;
      return { ticket: ticket?.readUInt32BE(4) ?? -1, control, body: body.map(String) };
    }
  }
}
