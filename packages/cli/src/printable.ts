/**
 * Texts of others, as a terminal may have them: what workers, clients and services say can be any characters, and some of those move
 * the cursor, clear the screen or name the window.
 */

/** Controls of C0 and C1, and DEL; but for those of lines and columns. */
const CONTROL = /(?![\n\t])\p{Cc}/gu;

/** The text with its control characters shown as JSON writes them, `\u001b`; line feeds and tabs stay. */
export function printable(text: string): string {
  return text.replace(CONTROL, (control) => {
    return `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
