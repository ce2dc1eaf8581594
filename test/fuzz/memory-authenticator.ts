/** A ZAP handler that is a list of questions: it answers when the test does, and never from inside `ask`. */

import type { Authenticator } from '../../packages/transport/src/authenticator.ts';

interface Question {
  readonly answered: (reply: Buffer[] | undefined) => void;
  withdrawn: boolean;
}

/** Answers every question with the same frames. */
export class MemoryAuthenticator implements Authenticator {
  readonly present = true;
  readonly #replies: ReadonlyArray<Buffer[] | undefined>;
  readonly #open: Question[] = [];
  /** Questions that were answered while somebody still wanted to know. */
  answers = 0;

  /** @param replies what comes back for each question: one reply, or by a handler that is mad several, or none. */
  constructor(replies: ReadonlyArray<Buffer[] | undefined>) {
    this.#replies = replies;
  }

  ask(_request: Buffer[], answered: (reply: Buffer[] | undefined) => void): () => void {
    const question: Question = { answered, withdrawn: false };
    this.#open.push(question);
    return () => {
      question.withdrawn = true;
    };
  }

  /** Answers what was asked. True when anything was. */
  pump(): boolean {
    const questions = this.#open.splice(0);
    for (const question of questions) {
      for (const reply of this.#replies) {
        if (question.withdrawn) break;
        this.answers += 1;
        question.answered(reply?.map((frame) => Buffer.from(frame)));
      }
    }
    return questions.length > 0;
  }
}

/** A reply that decides so. */
export function zapReply(status: string): Buffer[] {
  return ['1.0', '1', status, 'text', 'user', ''].map((text) => Buffer.from(text));
}
