/**
 * One sender as a receiver sees it: the window of what came out of order and of what is missing, and when to ask for that again.
 *
 *    delivered | next ............................ lead |
 *              | HAVE  missing  HAVE  LOST  HAVE        |      HAVE waits for what is missing before it
 *
 *   missing:   BACK_OFF --(NAK sent)--> WAIT_NCF --(NCF heard)--> WAIT_DATA
 *                 ^----------(no answer in time)-----/---------------/        after 50 tries of either kind: LOST
 *
 * Packets go up strictly in order. A lost one takes the message it was part of along, as a whole. No clock and no network: time
 * is handed in, and what is to be sent is asked for.
 */

import { type MessageLimits, type MessageSink, MessageUnpacker } from './message-unpacker.ts';
import { type Data, isBefore, ODATA, plus, RDATA, type SourcePath, type Wanted } from './packet.ts';

/** OpenPGM's times, ms, and tries. */
const BACK_OFF_MS = 50;
const NCF_WAIT_MS = 200;
const DATA_WAIT_MS = 200;
const TRIES_MAX = 50;
const EXPIRY_MS = 300_000;
/** A new sender that sent no SPM is asked for one after so long, and then again. */
const PATH_WAIT_MS = 25;
const PATH_AGAIN_MS = 1000;
const PATH_TRIES = 5;
/**
 * Packets that are further behind what we know than this did not just come late: the numbers we know were not the sender's. Without it
 * one forged packet would make us deaf to a sender for ever.
 */
const LATE_MAX = 65_536;
/** Missing packets that are kept account of, however large the window is: one forged packet could claim any number of them. */
const GAPS_MAX = 4096;
/** Numbers that are asked for at once; more wait for the next time. */
const NUMBERS_AT_ONCE = 504;
/** The least time between two looks at what is missing. */
const LOOK_MS = 5;
const NEVER: number = Number.POSITIVE_INFINITY;

/** A packet that is missing. */
class Gap {
  readonly sqn: number;
  state: 'back-off' | 'wait-ncf' | 'wait-data' = 'back-off';
  at: number;
  ncfTries = 0;
  dataTries = 0;

  constructor(sqn: number, at: number) {
    this.sqn = sqn;
    this.at = at;
  }
}

/** Given up. */
const LOST = 'lost';

/** What all senders of an endpoint count together. Plain fields: see `MulticastStats` for what they mean. */
export interface SourceCounts {
  packets: number;
  duplicates: number;
  repaired: number;
  lost: number;
  discarded: number;
  torn: number;
  faults: number;
  naks: number;
  buffered: number;
}

/** What a window may hold, and chance. */
export interface SourceSettings extends MessageLimits {
  readonly windowPackets: number;
  readonly windowBytes: number;
  /** From 0 to below 1. */
  readonly random: () => number;
}

/** One sender; see the top of the file. */
export class Source {
  /** Where it is: the address its packets come from. */
  readonly address: string;
  readonly gsi: number;
  readonly port: number;
  readonly #settings: SourceSettings;
  readonly #counts: SourceCounts;
  readonly #unpacker: MessageUnpacker;
  readonly #window = new Map<number, Data | Gap | typeof LOST>();
  readonly #gaps = new Set<Gap>();
  #windowBytes = 0;
  /** Whether any packet told where the stream is. */
  #isPlaced = false;
  #next = 0;
  #lead = 0;
  #trail = 0;
  #spmSqn = 0;
  #hasPath = false;
  #pathTries = 0;
  #pathAt: number;
  #wakeAt = NEVER;
  /** When it was last heard. */
  #heardAt: number;
  #isPaused = false;
  /** What the program cannot take goes nowhere. */
  #isDiscarding = false;

  constructor(
    route: { readonly gsi: number; readonly port: number; readonly address: string },
    settings: SourceSettings,
    counts: SourceCounts,
    sink: MessageSink,
    now: number,
  ) {
    this.gsi = route.gsi;
    this.port = route.port;
    this.address = route.address;
    this.#settings = settings;
    this.#counts = counts;
    this.#pathAt = now + PATH_WAIT_MS;
    this.#heardAt = now;
    this.#unpacker = new MessageUnpacker(
      {
        onMessage: (message) => {
          if (this.#isDiscarding) this.#counts.discarded += 1;
          else sink.onMessage(message);
        },
      },
      settings,
    );
  }

  /** When {@link tick} has something to do next. */
  get wakeAt(): number {
    return Math.min(this.#wakeAt, this.#pathAt, this.#heardAt + EXPIRY_MS);
  }

  /** When it was last heard. */
  get heardAt(): number {
    return this.#heardAt;
  }

  /** It said nothing for five minutes. */
  isExpired(now: number): boolean {
    return now >= this.#heardAt + EXPIRY_MS;
  }

  /** Packets in the window. */
  get windowPackets(): number {
    return this.#window.size;
  }

  /** Hands nothing up, or hands up again what waits. */
  setPaused(isPaused: boolean): void {
    this.#isPaused = isPaused;
    if (!isPaused) this.#flush();
  }

  receivePath(spm: SourcePath, now: number): void {
    const isOld =
      isBefore(spm.sqn, this.#spmSqn) && !isBefore(plus(spm.sqn, LATE_MAX), this.#spmSqn);
    if (this.#hasPath && isOld) return;
    this.#hasPath = true;
    this.#spmSqn = spm.sqn;
    this.#pathAt = NEVER;
    this.#heardAt = now;
    if (this.#isPlaced && isBefore(plus(spm.lead, LATE_MAX), this.#next)) this.#forget();
    if (!this.#isPlaced) {
      this.#place(plus(spm.lead, 1));
      return;
    }
    this.#applyTrail(spm.trail);
    if (isBefore(this.#lead, spm.lead)) this.#openGaps(plus(spm.lead, 1), now);
    this.#flush();
  }

  receiveData(data: Data, now: number): void {
    const { sqn, type } = data;
    this.#heardAt = now;
    this.#counts.packets += 1;
    if (this.#isPlaced && type === ODATA && isBefore(plus(sqn, LATE_MAX), this.#next)) {
      this.#forget();
    }
    if (!this.#isPlaced) this.#place(sqn);
    else this.#applyTrail(data.trail);
    if (isBefore(sqn, this.#next)) {
      this.#counts.duplicates += 1;
      return;
    }
    // Most packets come in order.
    if (sqn === this.#next && this.#window.size === 0 && !this.#isPaused && !data.isFragment) {
      this.#next = plus(sqn, 1);
      this.#lead = sqn;
      this.#unpack(data);
      return;
    }
    if (isBefore(this.#lead, sqn)) {
      this.#openGaps(sqn, now);
      this.#lead = sqn;
    } else if (!this.#isMissing(sqn)) {
      this.#counts.duplicates += 1;
      return;
    } else if (type === RDATA) {
      this.#counts.repaired += 1;
    }
    this.#closeGap(sqn);
    this.#window.set(sqn, data.isFragment ? LOST : data);
    if (data.isFragment) this.#counts.lost += 1;
    else this.#hold(data.stream.length);
    this.#flush();
    this.#shrink();
  }

  receiveConfirmation(ncf: Wanted, now: number): void {
    for (const sqn of ncf.sqns) {
      const entry = this.#window.get(sqn);
      if (!(entry instanceof Gap)) continue; // there already, or none of ours
      entry.state = 'wait-data';
      entry.at = now + DATA_WAIT_MS;
    }
  }

  /** Numbers to ask for now, and whether an SPM is to be asked for. Gives up what was asked for too often. */
  tick(now: number): { readonly sqns: readonly number[]; readonly wantsPath: boolean } {
    let wantsPath = false;
    if (now >= this.#pathAt) {
      this.#pathTries += 1;
      wantsPath = true;
      this.#pathAt = this.#pathTries < PATH_TRIES ? now + PATH_AGAIN_MS : NEVER;
    }
    return { sqns: now >= this.#wakeAt ? this.#collect(now) : [], wantsPath };
  }

  /** Somebody else asked for an SPM: it will come for us, too. */
  pathWasRequested(now: number): void {
    if (this.#pathAt !== NEVER) this.#pathAt = now + PATH_AGAIN_MS;
  }

  /** Lets go of everything; what was missing is counted as lost. */
  close(): void {
    this.#forget();
  }

  #collect(now: number): number[] {
    const sqns: number[] = [];
    let next = NEVER;
    let gaveUp = false;
    for (const gap of this.#gaps) {
      if (gap.at <= now && sqns.length < NUMBERS_AT_ONCE) {
        if (gap.state === 'back-off') {
          sqns.push(gap.sqn);
          gap.state = 'wait-ncf';
          gap.at = now + NCF_WAIT_MS;
        } else if (this.#mayRetry(gap)) {
          gap.state = 'back-off';
          gap.at = now + this.#backOff();
        } else {
          this.#giveUp(gap);
          gaveUp = true;
          continue;
        }
      }
      if (gap.at < next) next = gap.at;
    }
    this.#wakeAt = Math.max(next, now + LOOK_MS);
    if (gaveUp) this.#flush();
    return sqns;
  }

  #mayRetry(gap: Gap): boolean {
    if (gap.state === 'wait-ncf') {
      gap.ncfTries += 1;
      return gap.ncfTries < TRIES_MAX;
    }
    gap.dataTries += 1;
    return gap.dataTries < TRIES_MAX;
  }

  /** What is older than the trail cannot be had any more. The trail is not moved back. */
  #applyTrail(trail: number): void {
    if (!isBefore(this.#trail, trail)) return;
    this.#trail = trail;
    if (!isBefore(this.#next, trail)) return;
    for (const gap of this.#gaps) {
      if (isBefore(gap.sqn, trail)) this.#giveUp(gap);
    }
    if (isBefore(plus(this.#lead, 1), trail)) {
      // Of what is between we never heard.
      const unheard = (trail - plus(this.#lead, 1)) >>> 0;
      this.#counts.lost += unheard;
      this.#passAll();
      this.#lose();
      this.#next = trail;
      this.#lead = plus(trail, -1);
    } else {
      this.#flush();
    }
  }

  /** Notes that everything after the lead and before `end` is missing. */
  #openGaps(end: number, now: number): void {
    const missing = (end - plus(this.#lead, 1)) >>> 0;
    if (missing > this.#settings.windowPackets || missing + this.#gaps.size > GAPS_MAX) {
      // More than the window can hold: what is between is given up.
      this.#counts.lost += missing;
      this.#passAll();
      this.#lose();
      this.#next = end;
      this.#lead = plus(end, -1);
      return;
    }
    const at = now + this.#backOff();
    for (let i = 0; i < missing; i++) {
      const gap = new Gap(plus(this.#lead, 1 + i), at);
      this.#window.set(gap.sqn, gap);
      this.#gaps.add(gap);
    }
    if (missing > 0 && at < this.#wakeAt) this.#wakeAt = at;
    this.#lead = plus(end, -1);
    this.#shrink();
  }

  /** Hands up what is there, as far as nothing is missing before it. */
  #flush(): void {
    while (!this.#isPaused && this.#step()) {
      // one more
    }
  }

  /** The oldest packet of the window goes up, or is known to be lost. False when it is missing, or there is none. */
  #step(): boolean {
    const entry = this.#window.get(this.#next);
    if (entry === undefined || entry instanceof Gap) return false;
    this.#window.delete(this.#next);
    this.#next = plus(this.#next, 1);
    if (entry === LOST) {
      this.#lose();
    } else {
      this.#hold(-entry.stream.length);
      this.#unpack(entry);
    }
    return true;
  }

  /** Whatever the window has more than it may: from the oldest on, what is missing is given up, and what the program does not take is dropped. */
  #shrink(): void {
    const { windowPackets, windowBytes } = this.#settings;
    while (this.#window.size > windowPackets || this.#windowBytes > windowBytes) {
      const oldest = this.#window.get(this.#next);
      if (oldest instanceof Gap) this.#giveUp(oldest);
      this.#discardStep();
      this.#flush();
    }
  }

  /** Everything in the window is passed, in order: it is followed by what we cannot wait for. */
  #passAll(): void {
    for (const gap of this.#gaps) this.#giveUp(gap);
    while (this.#window.size > 0) this.#discardStep();
  }

  #discardStep(): void {
    this.#isDiscarding = this.#isPaused;
    if (!this.#step()) this.#next = plus(this.#next, 1); // cannot be: the oldest is there or given up
    this.#isDiscarding = false;
  }

  #giveUp(gap: Gap): void {
    this.#gaps.delete(gap);
    this.#window.set(gap.sqn, LOST);
    this.#counts.lost += 1;
  }

  #closeGap(sqn: number): void {
    const entry = this.#window.get(sqn);
    if (entry instanceof Gap) this.#gaps.delete(entry);
  }

  #isMissing(sqn: number): boolean {
    return this.#window.get(sqn) instanceof Gap;
  }

  #unpack(data: Data): void {
    const before = this.#unpacker.faults;
    this.#unpacker.unpack(data.offset, data.stream);
    if (this.#unpacker.faults !== before) {
      this.#counts.faults += 1;
      this.#counts.torn += 1;
    }
  }

  #lose(): void {
    if (this.#unpacker.leave()) this.#counts.torn += 1;
  }

  #hold(bytes: number): void {
    this.#windowBytes += bytes;
    this.#counts.buffered += bytes;
  }

  #place(sqn: number): void {
    this.#isPlaced = true;
    this.#next = sqn;
    this.#lead = plus(sqn, -1);
    this.#trail = sqn; // what is older was before our time
  }

  /** The stream is somewhere else than we thought. */
  #forget(): void {
    this.#counts.lost += this.#gaps.size;
    this.#gaps.clear();
    this.#window.clear();
    this.#hold(-this.#windowBytes);
    this.#wakeAt = NEVER;
    this.#isPlaced = false;
    this.#lose();
  }

  #backOff(): number {
    return this.#settings.random() * BACK_OFF_MS;
  }
}
