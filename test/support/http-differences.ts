/*
 * Where a scaled application may answer otherwise than alone, and why: the whole list. `docs/guide/http.md` says the same to users.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Question } from './http-corpus.ts';
import { type Answer, type Conversation, converse } from './raw-http.ts';

/** One allowed difference. */
interface Difference {
  readonly reason: string;
  /** Whether it may be seen with this question. */
  readonly concerns: (question: Question) => boolean;
  /** Takes it out of what came: applied to both. */
  readonly without: (conversation: Conversation) => Conversation;
}

/** All of them. */
export const DIFFERENCES: readonly Difference[] = [
  {
    reason:
      'The gateway names each request, for logs: in X-Request-Id, unless the application does.',
    concerns: () => true,
    without: eachAnswer((answer) => ({
      ...answer,
      headers: answer.headers.filter((line) => !/^X-Request-Id: [0-9a-f]{12}-/.test(line)),
    })),
  },
  {
    reason: 'A request that comes with a name has it in the answer too.',
    concerns: isNamed('X-Request-Id: mine'),
    without: eachAnswer((answer) => ({
      ...answer,
      headers: answer.headers.filter((line) => line !== 'X-Request-Id: mine'),
    })),
  },
  {
    reason:
      'What is wrong with a request that cannot be read is said in a body, and the same for each fault.',
    concerns: () => true,
    without: (told) => ({
      ...told,
      answers: told.answers.map(onlyStatusOfRefused),
      rest: told.rest.replace(/^(HTTP\/1\.1 400 Bad Request)\r\n[\s\S]*$/, '$1'),
    }),
  },
  {
    reason:
      "The application does not see what cannot be read: what it does at 'clientError' is never asked for (Fastify).",
    concerns: isNamed('broken to a framework'),
    without: eachAnswer(({ version, status, reason, trailers, interim }) => ({
      ...{ version, status, reason, trailers, interim },
      ...{ headers: [], body: '', framing: 'none' },
    })),
  },
  {
    reason: 'A request with two Hosts is refused: it could be read in two ways (RFC 9112, 3.2).',
    concerns: isNamed('broken: two Hosts'),
    without: () => NOTHING,
  },
  {
    reason:
      'Other requests that could be read in two ways are refused, too: chunks in HTTP/1.0, an empty Transfer-Encoding (RFC 9112, 6.1).',
    concerns: isNamed('broken: chunks in HTTP/1.0'),
    without: () => NOTHING,
  },
  {
    reason: 'An empty Transfer-Encoding: the same.',
    concerns: isNamed('broken: an encoding and an empty one'),
    without: () => NOTHING,
  },
  {
    reason: 'Who says HTTP/2.0 in the form of HTTP/1 is told 505; Node answers as if it were 1.1.',
    concerns: isNamed('broken: HTTP/2.0'),
    without: () => NOTHING,
  },
  {
    reason:
      'CONNECT is answered 501 where nobody listens for it; Node ends the connection without a word.',
    concerns: isNamed('broken: CONNECT, for which nobody listens'),
    without: () => NOTHING,
  },
  {
    reason:
      'A protocol that is offered and not taken ends the connection behind the answer: the gateway had passed it on.',
    concerns: isNamed('Upgrade: websocket'),
    without: (told) => ({
      ...told,
      persists: false,
      answers: told.answers.map((answer) => ({
        ...answer,
        headers: answer.headers.filter((line) => !/^(Connection|Keep-Alive): /.test(line)),
      })),
    }),
  },
  {
    reason: 'Offers of HTTP/2 and of TLS are never taken, and the application does not see them.',
    concerns: ({ name }) => /Connection: Upgrade.*Upgrade: (h2c|TLS)/.test(name),
    without: eachAnswer((answer) => ({
      ...answer,
      body: '',
      headers: answer.headers.filter((line) => !line.startsWith('Content-Length: ')),
    })),
  },
  {
    reason:
      "The connection is the gateway's: what an application does to its end behind an answer that has left does not reach it.",
    concerns: isNamed('/destroy-after-end'),
    without: (told) => ({ ...told, persists: false }),
  },
  {
    reason: 'HTTP/0.9 is refused: nobody has asked for it on purpose since 1996.',
    concerns: isNamed('broken: no version'),
    without: () => NOTHING,
  },
  {
    reason: 'A client of HTTP/1.0 is not sent heads before the head (RFC 9110, 15.2).',
    concerns: isNamed('in HTTP/1.0'),
    without: eachAnswer((answer) => ({ ...answer, interim: [] })),
  },
  {
    reason:
      'Requests that came whole are answered, also when nonsense follows; Node drops what it has not sent by then.',
    concerns: isNamed('pipelined: the second asks to close'),
    without: () => NOTHING,
  },
];

/** One question that was answered otherwise. */
export interface Finding {
  readonly question: string;
  readonly alone: unknown;
  readonly scaled: unknown;
}

const NOTHING: Conversation = { answers: [], persists: false, rest: '', isSilent: false };

function isNamed(part: string): Difference['concerns'] {
  return ({ name }) => name.includes(part);
}

function onlyStatusOfRefused(answer: Answer): Answer {
  const { status, headers, body } = answer;
  const isRefused =
    (status === 400 || status === 413 || status === 431) && headers.includes('Connection: close');
  if (!isRefused || !(body === '' || body.startsWith('{"error":'))) return answer;
  return { ...answer, headers: [], body: '', framing: 'none' };
}

const AT_ONCE = 8;

/** How both are compared. */
export interface Comparison {
  /** Takes away what need not be alike; default nothing. */
  readonly as?: (conversation: Conversation) => Conversation;
}

/** Asks both all questions, and gives those that they did not answer alike. */
export async function differences(
  alone: number,
  scaled: number,
  questions: readonly Question[],
  { as = same }: Comparison = {},
): Promise<Finding[]> {
  const found: Finding[] = [];
  const waiting = [...questions.entries()];
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [index, question] = next;
      const [a, b] = await Promise.all([
        converse(alone, question.steps, question.methods),
        converse(scaled, question.steps, question.methods),
      ]);
      const one = as(comparable(question, a));
      const other = as(comparable(question, b));
      if (isDeepStrictEqual(one, other)) continue;
      found.push({ question: `${index}: ${question.name}`, ...onlyDifferent(one, other) });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return found;
}

function eachAnswer(change: (answer: Answer) => Answer): Difference['without'] {
  return (told) => ({ ...told, answers: told.answers.map(change) });
}

function same(conversation: Conversation): Conversation {
  return conversation;
}

function comparable(question: Question, conversation: Conversation): Conversation {
  const allowed = DIFFERENCES.filter(({ concerns }) => concerns(question));
  const answers = conversation.answers.map(withoutDate);
  let told: Conversation = { ...conversation, answers };
  for (const { without } of allowed) told = without(told);
  return told;
}

function withoutDate(answer: Answer): Answer {
  const headers = answer.headers.map((line) =>
    /^Date: \w{3}, \d\d \w{3} 20\d\d /.test(line) ? 'Date' : line,
  );
  return { ...answer, headers };
}

/** As little as shows it. */
function onlyDifferent(
  alone: Conversation,
  scaled: Conversation,
): { readonly alone: unknown; readonly scaled: unknown } {
  const at = alone.answers.findIndex((answer, i) => !isDeepStrictEqual(answer, scaled.answers[i]));
  const one = alone.answers[at];
  const other = scaled.answers[at];
  const { answers: _one, ...aloneRest } = alone;
  const { answers: _other, ...scaledRest } = scaled;
  if (one === undefined || other === undefined) {
    const first = { ...aloneRest, answers: alone.answers.length, answer: one };
    return {
      alone: first,
      scaled: { ...scaledRest, answers: scaled.answers.length, answer: scaled.answers.at(at) },
    };
  }
  const keys = (Object.keys(one) as (keyof Answer)[]).filter(
    (key) => !isDeepStrictEqual(one[key], other[key]),
  );
  const pick = (answer: Answer): object =>
    Object.fromEntries(keys.map((key) => [key, answer[key]]));
  const rest = isDeepStrictEqual(aloneRest, scaledRest);
  return {
    alone: { ...pick(one), ...(!rest && aloneRest) },
    scaled: { ...pick(other), ...(!rest && scaledRest) },
  };
}
