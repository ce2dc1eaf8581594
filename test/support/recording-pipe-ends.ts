/*
 * Both neighbours of a pipe, for tests of the pipe sets: a sink and a link that write down what
 * they are told.
 */
import {
  Pipe,
  type PipeLink,
  type PipeMarks,
  type PipeSink,
} from '../../packages/transport/src/pipes/pipe.ts';

/** A sink (the socket's side) that remembers. */
export class RecordingSink implements PipeSink {
  readonly told: string[] = [];

  pipeReadable(): void {
    this.told.push('readable');
  }

  pipeWritable(): void {
    this.told.push('writable');
  }

  pipeConnected(): void {
    this.told.push('connected');
  }

  pipeClosed(): void {
    this.told.push('closed');
  }
}

/** A link (the connection's side) that remembers. */
export class RecordingLink implements PipeLink {
  readonly told: string[] = [];

  wake(): void {
    this.told.push('wake');
  }

  pause(): void {
    this.told.push('pause');
  }

  resume(): void {
    this.told.push('resume');
  }

  close(linger: number): void {
    this.told.push(`close ${linger}`);
  }
}

/** A pipe between two of them, without high-water marks unless they are given. */
export function recordedPipe(marks: Partial<PipeMarks> = {}): {
  pipe: Pipe;
  sink: RecordingSink;
  link: RecordingLink;
} {
  const sink = new RecordingSink();
  const link = new RecordingLink();
  const pipe = new Pipe(sink, { sendHighWaterMark: 0, receiveHighWaterMark: 0, ...marks });
  pipe.plug(link);
  return { pipe, sink, link };
}

/** A message of one frame. */
export function message(text: string): Buffer[] {
  return [Buffer.from(text)];
}
