/**
 * What JavaScript the main thread is running, seen from another thread, while its event loop stands
 * still: the inspector interrupts even `for (;;);`. Not what
 * blocks outside of JavaScript, such as `execFileSync` or an addon.
 */

import { type Debugger, Session } from 'node:inspector';

/** How long the main thread has to come to a place where it can be stopped, in ms. */
const CAPTURE_MS = 1000;
const MAX_FRAMES = 30;

/** Run in the main thread. Empty: no inspector is open; also where Node cannot say. */
const INSPECTOR_URL = "process.getBuiltinModule?.('node:inspector').url() ?? ''";

/** What was found. */
export interface Capture {
  /** Lines as in the stack of an error, the innermost first; undefined when there is none. */
  readonly stack: string | undefined;
  /** Whether an inspector is open: then somebody may have stopped the program on purpose. */
  readonly isDebugged: boolean;
}

const NOTHING: Capture = { stack: undefined, isDebugged: false };

/** Stops the main thread and looks; it goes on afterwards. Never rejects. */
export function captureMainThread(): Promise<Capture> {
  return new Promise((resolve) => {
    const session = new Session();
    /** Where each script came from; frames name it by its id, and in some versions of Node only so. */
    const urls = new Map<string, string>();
    const finish = (capture: Capture): void => {
      clearTimeout(timer);
      session.disconnect();
      resolve(capture);
    };
    const timer = setTimeout(finish, CAPTURE_MS, NOTHING);
    try {
      session.connectToMainThread();
      session.on('Debugger.scriptParsed', ({ params: { scriptId, url } }) => {
        urls.set(scriptId, url);
      });
      session.on('Debugger.paused', ({ params }) => {
        const stack = params.callFrames
          .slice(0, MAX_FRAMES)
          .map((frame) => lineOf(frame, urls.get(frame.location.scriptId) ?? frame.url))
          .join('\n');
        const [top] = params.callFrames;
        if (top === undefined) finish(NOTHING);
        else askForInspector(session, top, (isDebugged) => finish({ stack, isDebugged }));
      });
      session.post('Debugger.enable');
      session.post('Debugger.pause');
    } catch {
      finish(NOTHING); // This Node was built without an inspector.
    }
  });
}

function askForInspector(
  session: Session,
  { callFrameId }: Debugger.CallFrame,
  then: (is: boolean) => void,
) {
  const question = { callFrameId, expression: INSPECTOR_URL, returnByValue: true, silent: true };
  session.post('Debugger.evaluateOnCallFrame', question, (_error, answer) => {
    const url = valueIn(answer);
    then(typeof url === 'string' && url !== '');
  });
}

function lineOf({ functionName, location }: Debugger.CallFrame, url: string): string {
  const place = `${url}:${location.lineNumber + 1}:${(location.columnNumber ?? 0) + 1}`;
  return functionName === '' ? `    at ${place}` : `    at ${functionName} (${place})`;
}

/** The value in the answer to `Debugger.evaluateOnCallFrame`; undefined when it failed. */
function valueIn(answer: unknown): unknown {
  const result: unknown = Reflect.get(Object(answer), 'result');
  return Reflect.get(Object(result), 'value');
}
