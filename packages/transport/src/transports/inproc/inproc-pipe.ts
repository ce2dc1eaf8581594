/**
 * A pipe whose other end is a pipe of the same process. There is no stream between them that would hold messages, so the
 * sender's mark counts what waits on both sides: it may write its own `sendHighWaterMark` and whatever of the receiver's
 * `receiveHighWaterMark` is free, and a 0 on either side means no limit (zmq_inproc(7), "the high water mark is the sum").
 */

import { Pipe, type PipeMarks, type PipeSink } from '../../pipes/pipe.ts';

/** One half of an inproc connection; a pipe like any other before it is joined. */
export class InprocPipe extends Pipe {
  #marks: PipeMarks;
  /** What the other side takes beyond our own mark. */
  #room = 0;

  constructor(sink: PipeSink, marks: PipeMarks) {
    super(sink, marks);
    this.#marks = marks;
  }

  /** How many messages may wait to be read; 0 for any number. */
  get receiveMark(): number {
    return this.#marks.receiveHighWaterMark;
  }

  /** How many more messages the socket of this pipe takes now; Infinity without a mark. */
  get receiveRoom(): number {
    const mark = this.#marks.receiveHighWaterMark;
    return mark === 0 ? Number.POSITIVE_INFINITY : Math.max(0, mark - this.unread);
  }

  override setMarks(marks: PipeMarks): void {
    this.#marks = marks;
    this.#apply();
  }

  /** For the link: the other side takes this many messages now. Tells the socket if there is room again. */
  allow(room: number): void {
    if (room === this.#room) {
      this.taken();
      return;
    }
    this.#room = room;
    this.#apply();
  }

  #apply(): void {
    const { sendHighWaterMark, receiveHighWaterMark } = this.#marks;
    const isUnlimited = sendHighWaterMark === 0 || this.#room === Number.POSITIVE_INFINITY;
    super.setMarks({
      sendHighWaterMark: isUnlimited ? 0 : sendHighWaterMark + this.#room,
      receiveHighWaterMark,
    });
  }
}
