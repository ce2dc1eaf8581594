/** The command lines of `pnpm chaos`: what is asked for is printed, and wrong use is one line and exit code 2. */

/** @returns what `read` does; does not return when help is wanted, or `read` throws */
export function readArguments<T extends { readonly values: { readonly help: boolean } }>(
  read: () => T,
  help: string,
): T['values'] {
  const { values } = readOrRefuse(read);
  if (!values.help) return values;
  console.log(help);
  process.exit(0);
}

/** Reads a whole number. */
export function numberOf(name: string, text: string, least = 1): number {
  const value = Number(text);
  if (/^\d{1,10}$/.test(text) && value >= least) return value;
  return refuse(`--${name} takes a whole number from ${least}; got ${text}`);
}

/** Says what is wrong, and ends. */
export function refuse(text: string): never {
  console.error(`chaos: ${text}; see --help`);
  process.exit(2);
}

function readOrRefuse<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return refuse(text.split('. ', 1)[0] ?? text); // the first sentence says it
  }
}
