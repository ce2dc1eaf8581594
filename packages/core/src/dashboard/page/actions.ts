/**
 * What an operator asks for on the page, and what the service says to it.
 *
 * Owns the request to the service, the line in which its end is told, and the question before what cannot be taken back.
 */

import { elementOf } from './elements.ts';

/** A change, as the service takes it. */
export type Change =
  | { readonly verb: 'reload' }
  | { readonly verb: 'scale'; readonly by: number }
  | { readonly verb: 'drain'; readonly worker: number }
  | { readonly verb: 'kill'; readonly worker: number; readonly signal: 'SIGKILL' };

/** What is told about it. */
export interface ChangeTexts {
  readonly begun: string;
  readonly done: string;
}

/** How long a line stays that tells of a success. */
const SHOWN_MS = 8000;

const line = elementOf('message');
const lineText = elementOf('message-text');
const question = elementOf('question', HTMLDialogElement);
const questionText = elementOf('question-text');
const yes = elementOf('question-yes', HTMLButtonElement);
const no = elementOf('question-no', HTMLButtonElement);
let timer = 0;

/** Tells something in the line for it. What went wrong stays there until it is closed, or there is other news. */
export function tell(text: string, kind: 'news' | 'bad news' | 'failure' = 'news'): void {
  clearTimeout(timer);
  lineText.textContent = text;
  line.className = kind;
  if (kind !== 'failure') timer = setTimeout(() => tell(''), SHOWN_MS);
}

/** Has it carried out and tells how it went. Never rejects. */
export async function change(asked: Change, { begun, done }: ChangeTexts): Promise<void> {
  tell(begun);
  clearTimeout(timer); // it stays until there is an end to tell of
  try {
    const response = await fetch('actions', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'X-Zscale-Action': '1' },
      body: JSON.stringify(asked),
    });
    if (response.ok) tell(done);
    else tell(`${asked.verb} failed: ${reasonIn(await response.text())}`, 'failure');
  } catch {
    tell(`${asked.verb}: the service was gone before it answered`, 'failure');
  }
}

/** Asks whether it is meant; the answer is no unless the button is pressed. */
export function confirmed(text: string, verb: string): Promise<boolean> {
  questionText.textContent = text;
  yes.textContent = verb;
  question.returnValue = '';
  question.showModal();
  no.focus();
  return new Promise((resolve) => {
    question.addEventListener('close', () => resolve(question.returnValue === 'yes'), {
      once: true,
    });
  });
}

elementOf('message-close').addEventListener('click', () => tell(''));
yes.addEventListener('click', () => question.close('yes'));
no.addEventListener('click', () => question.close());

/** The service answers with JSON, or in words. */
function reasonIn(body: string): string {
  try {
    const { error }: { error?: { message?: unknown } } = JSON.parse(body);
    return String(error?.message ?? body);
  } catch {
    return body;
  }
}
