/**
 * Who holds which topics, and who is meant by a message: the subscriptions of a publisher (RFC 29, "The XPUB Socket Type").
 *
 * A tree of bytes in which a node stands for a run of them, so that memory grows with the number of topics and not with
 * their length:
 *
 *   root ""  held by C                    match("stock.ibm.ask") walks   root, "stock.", "ibm"   and finds C, A, B
 *     "stock."
 *        "ibm"   held by A, B             a topic held is a *set* per holder: adding it again changes nothing
 *        "intel" held by A
 *
 * Runs have at most `LABEL_BYTES`: longer ones are chains. So adding and removing costs what the topic has, also for those who
 * cut long topics into pieces on purpose. Holders are numbered by match and not collected in sets: nothing is allocated.
 */

/** The longest run of bytes in one node. */
const LABEL_BYTES = 1024;
/** Matches are numbered up to here and then again from one: small integers stay small. */
const GENERATION_MAX = 0x3fff_ffff;
/** Topics of a leaving holder that are taken out in one go; then others get their turn (`setImmediate`). */
const LEAVING_TOPICS = 10_000;

/** How much may be held. */
export interface TopicLimits {
  /** Topics of one holder. */
  readonly topics: number;
  /** Over all topics of one holder. */
  readonly bytes: number;
  /** Topics of all holders together, each counted for each of them. Default: no limit. */
  readonly total?: number;
}

const NO_LIMITS: TopicLimits = {
  topics: Number.POSITIVE_INFINITY,
  bytes: Number.POSITIVE_INFINITY,
};

/** What {@link SubscriptionTrie.add} did: nobody held the topic; others do; this holder did; there is no more room for this holder. */
export type TopicAdded = 'first' | 'shared' | 'held' | 'refused';

/** What {@link SubscriptionTrie.remove} did: nobody holds the topic any more; others do; this holder never did. */
export type TopicRemoved = 'last' | 'shared' | 'unknown';

/** A holder, as the nodes know it. */
class Holding<T> {
  readonly holder: T;
  /** The nodes of its topics, with its place in the list of each: removing it needs no search. */
  readonly places = new Map<TrieNode<T>, number>();
  bytes = 0;
  /** The number of the last match that found it. */
  found = 0;
  /** It left; some of its topics may still have to be taken out. */
  isGone = false;

  constructor(holder: T) {
    this.holder = holder;
  }
}

class TrieNode<T> {
  /** The bytes that lead here from the parent, as latin1; never empty but in the root. */
  label: string;
  /** The first of them: children are found by it. */
  first: number;
  parent: TrieNode<T> | undefined;
  /** In the order of `first`; undefined for none. */
  children: TrieNode<T>[] | undefined = undefined;
  /** Who holds the topic that ends here; undefined for nobody. */
  holdings: Holding<T>[] | undefined = undefined;

  constructor(label: string, parent: TrieNode<T> | undefined) {
    this.label = label;
    this.first = label.charCodeAt(0);
    this.parent = parent;
  }
}

/** Topics of many holders. @typeParam T a holder: a pipe, on a publisher. */
export class SubscriptionTrie<T> {
  readonly #limits: TopicLimits;
  readonly #root: TrieNode<T> = new TrieNode<T>('', undefined);
  readonly #holdings = new Map<T, Holding<T>>();
  #generation = 0;
  #nodes = 1;
  /** Topics of all holders, those of leaving ones included. */
  #total = 0;

  /** @param limits what each holder may hold. Default: no limits. */
  constructor(limits: TopicLimits = NO_LIMITS) {
    this.#limits = limits;
  }

  /** Nodes in the tree, the root included, for counters and tests. */
  get nodes(): number {
    return this.#nodes;
  }

  /** The topic is copied. */
  add(topic: Buffer, holder: T): TopicAdded {
    const holding = this.#holdings.get(holder) ?? new Holding(holder);
    const known = this.#find(topic);
    if (known !== undefined && holding.places.has(known)) return 'held';
    if (
      holding.places.size >= this.#limits.topics ||
      this.#total >= (this.#limits.total ?? Number.POSITIVE_INFINITY) ||
      holding.bytes + topic.length > this.#limits.bytes
    ) {
      return 'refused';
    }
    this.#holdings.set(holder, holding);
    this.#total += 1;
    const node = known ?? this.#make(topic);
    holding.bytes += topic.length;
    if (node.holdings === undefined) {
      node.holdings = [holding];
      holding.places.set(node, 0);
      return 'first';
    }
    holding.places.set(node, node.holdings.length);
    node.holdings.push(holding);
    return 'shared';
  }

  /** The holder holds this topic no more. */
  remove(topic: Buffer, holder: T): TopicRemoved {
    const holding = this.#holdings.get(holder);
    const node = holding === undefined ? undefined : this.#find(topic);
    if (holding === undefined || node === undefined || !holding.places.has(node)) return 'unknown';
    holding.bytes -= topic.length;
    this.#total -= 1;
    const isLast = leave(node, holding);
    if (isLast) this.#prune(node);
    if (holding.places.size === 0) this.#holdings.delete(holder);
    return isLast ? 'last' : 'shared';
  }

  /**
   * The holder holds nothing more: it is found no more from here on, and may come back at once. Very many topics are taken out
   * over several turns, so that nobody who leaves holds up the others.
   *
   * @param each is told of each topic it held, and whether nobody else holds it. It must not change the trie.
   */
  removeAll(holder: T, each?: (topic: Buffer, isLast: boolean) => void): void {
    const holding = this.#holdings.get(holder);
    if (holding === undefined) return;
    this.#holdings.delete(holder);
    holding.isGone = true;
    this.#takeOut(holding, each);
  }

  /**
   * Finds everybody who holds a prefix of `topic`, each once however many of theirs match.
   *
   * @param into is filled with them from place 0 on; what it has behind them is left as it was.
   * @returns how many there are.
   */
  match(topic: Buffer, into: T[]): number {
    const generation = this.#nextGeneration();
    let count = 0;
    let offset = 0;
    let node = this.#root;
    for (;;) {
      const holdings = node.holdings;
      if (holdings !== undefined) {
        for (let i = 0; i < holdings.length; i++) {
          const holding = holdings[i] as Holding<T>; // i < length
          if (holding.found === generation || holding.isGone) continue;
          holding.found = generation;
          into[count] = holding.holder;
          count += 1;
        }
      }
      const next = step(node, topic, offset);
      if (next === undefined) return count;
      offset += next.label.length;
      node = next;
    }
  }

  /** Whether the last {@link match} found this holder. */
  wasMatched(holder: T): boolean {
    return this.#holdings.get(holder)?.found === this.#generation;
  }

  /** Whether anybody holds a prefix of `topic`. */
  matches(topic: Buffer): boolean {
    let offset = 0;
    let node = this.#root;
    for (;;) {
      if (node.holdings !== undefined) return true;
      const next = step(node, topic, offset);
      if (next === undefined) return false;
      offset += next.label.length;
      node = next;
    }
  }

  #nextGeneration(): number {
    if (this.#generation === GENERATION_MAX) {
      for (const holding of this.#holdings.values()) holding.found = 0;
      this.#generation = 0;
    }
    this.#generation += 1;
    return this.#generation;
  }

  /** The node at which exactly this topic ends, whether anybody holds it or not. */
  #find(topic: Buffer): TrieNode<T> | undefined {
    let node = this.#root;
    let offset = 0;
    while (offset < topic.length) {
      const next = step(node, topic, offset);
      if (next === undefined) return undefined;
      offset += next.label.length;
      node = next;
    }
    return node;
  }

  /** As `#find`, but the node is made where there is none. */
  #make(topic: Buffer): TrieNode<T> {
    let node = this.#root;
    let offset = 0;
    while (offset < topic.length) {
      const child = childBy(node, topic[offset]);
      if (child === undefined) {
        const label = topic.toString('latin1', offset, offset + LABEL_BYTES);
        node = this.#addChild(node, new TrieNode(label, node));
      } else {
        const common = commonLength(child.label, topic, offset);
        node = common === child.label.length ? child : this.#split(child, common);
      }
      offset += node.label.length;
    }
    return node;
  }

  /** Cuts a node in two; gives the new one, which stands for the first `length` bytes. */
  #split(node: TrieNode<T>, length: number): TrieNode<T> {
    const upper = new TrieNode<T>(copied(node.label.slice(0, length)), node.parent);
    replaceChild(node, upper);
    node.label = copied(node.label.slice(length));
    node.first = node.label.charCodeAt(0);
    node.parent = upper;
    upper.children = [node];
    this.#nodes += 1;
    return upper;
  }

  #addChild(parent: TrieNode<T>, child: TrieNode<T>): TrieNode<T> {
    this.#nodes += 1;
    if (parent.children === undefined) parent.children = [child];
    else parent.children.splice(placeOf(parent.children, child.first), 0, child);
    return child;
  }

  #takeOut(holding: Holding<T>, each?: (topic: Buffer, isLast: boolean) => void): void {
    let topics = 0;
    for (const node of holding.places.keys()) {
      if (topics === LEAVING_TOPICS) {
        setImmediate(() => this.#takeOut(holding, each));
        return;
      }
      topics += 1;
      const topic = each === undefined ? undefined : topicOf(node);
      this.#total -= 1;
      const isLast = leave(node, holding);
      if (isLast) this.#prune(node);
      if (topic !== undefined) each?.(topic, isLast);
    }
  }

  /** Frees a node that nobody needs, and those above it that were there only for it. */
  #prune(from: TrieNode<T>): void {
    let node = from;
    while (node.parent !== undefined && node.holdings === undefined) {
      const { parent, children } = node;
      if (children === undefined) {
        removeChild(parent, node);
        this.#nodes -= 1;
        node = parent;
        continue;
      }
      const only = children.length === 1 ? children[0] : undefined;
      if (only === undefined || node.label.length + only.label.length > LABEL_BYTES) return;
      only.label = copied(node.label + only.label);
      only.first = node.first;
      only.parent = parent;
      replaceChild(node, only);
      this.#nodes -= 1;
      return;
    }
  }
}

/** The child that goes on with the bytes of `topic` at `offset`, if all of its label is there. */
function step<T>(node: TrieNode<T>, topic: Buffer, offset: number): TrieNode<T> | undefined {
  const child = childBy(node, topic[offset]);
  if (child === undefined) return undefined;
  const { label } = child;
  if (topic.length - offset < label.length) return undefined;
  for (let i = 1; i < label.length; i++) {
    if (topic[offset + i] !== label.charCodeAt(i)) return undefined;
  }
  return child;
}

function childBy<T>(node: TrieNode<T>, first: number | undefined): TrieNode<T> | undefined {
  const { children } = node;
  if (children === undefined || first === undefined) return undefined;
  const child = children[placeOf(children, first)];
  return child?.first === first ? child : undefined;
}

/** Where a child with this first byte is or would be. */
function placeOf<T>(children: readonly TrieNode<T>[], first: number): number {
  let low = 0;
  let high = children.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((children[middle] as TrieNode<T>).first < first)
      low = middle + 1; // middle < length
    else high = middle;
  }
  return low;
}

function commonLength(label: string, topic: Buffer, offset: number): number {
  const most = Math.min(label.length, topic.length - offset);
  let length = 1; // the child was found by its first byte
  while (length < most && topic[offset + length] === label.charCodeAt(length)) length += 1;
  return length;
}

/** The new node has the first byte of the old one, and so its place. */
function replaceChild<T>(old: TrieNode<T>, by: TrieNode<T>): void {
  const siblings = old.parent?.children;
  if (siblings !== undefined) siblings[placeOf(siblings, old.first)] = by;
}

function removeChild<T>(parent: TrieNode<T>, child: TrieNode<T>): void {
  const siblings = parent.children;
  if (siblings === undefined) return;
  if (siblings.length === 1) parent.children = undefined;
  else siblings.splice(placeOf(siblings, child.first), 1);
}

/** Takes a holder out of a node: the last in the list gets its place. True when nobody is left. */
function leave<T>(node: TrieNode<T>, holding: Holding<T>): boolean {
  const holdings = node.holdings as Holding<T>[]; // the caller found the holder there
  const place = holding.places.get(node) as number; // the same
  holding.places.delete(node);
  const last = holdings.pop() as Holding<T>; // not empty
  if (last !== holding) {
    holdings[place] = last;
    last.places.set(node, place);
  }
  if (holdings.length > 0) return false;
  node.holdings = undefined;
  return true;
}

function topicOf<T>(node: TrieNode<T>): Buffer {
  const labels: string[] = [];
  for (let at: TrieNode<T> | undefined = node; at !== undefined; at = at.parent) {
    labels.push(at.label);
  }
  return Buffer.from(labels.reverse().join(''), 'latin1');
}

/** A string of its own: a slice would keep all of what it was cut from, and a sum both of its parts. */
function copied(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1');
}
