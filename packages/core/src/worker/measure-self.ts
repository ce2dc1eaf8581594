/** Has a worker say how it is, and loads what that takes when it is asked for the first time: most workers never are. */

/** Answers the supervisor soon. Where it cannot, as when its files were taken away since, the supervisor counts that it did not. */
export function measureSelf(): void {
  import('./measure.ts').then(
    ({ measure }) => measure(),
    () => {}, // the supervisor waits for a second, and is told by that
  );
}
