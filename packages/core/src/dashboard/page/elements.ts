/** Elements of the page: found, made and filled. Data becomes text, never markup. */

/**
 * The element with an id.
 *
 * @throws Error when the page has none of that kind: then page and script are of two versions
 */
export function elementOf(id: string): HTMLElement;
export function elementOf<T extends HTMLElement>(id: string, kind: new () => T): T;
export function elementOf(id: string, kind: new () => HTMLElement = HTMLElement): HTMLElement {
  const found = document.getElementById(id);
  if (found instanceof kind) return found;
  throw new Error(`the page has no ${kind.name} #${id}`);
}

/** Makes an element with a class and a text. */
export function make<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  className = '',
  text = '',
): HTMLElementTagNameMap[Name] {
  const element = document.createElement(name);
  if (className !== '') element.className = className;
  element.textContent = text;
  return element;
}

/** Sets a text, and touches nothing where it is there already: a selection stays, and a reader does not read again. */
export function write(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}
