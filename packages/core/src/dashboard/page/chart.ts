/**
 * A chart of the last minutes: lines over time, drawn by uPlot in the page's own colours.
 *
 * The only module that knows uPlot, which a script of its own has put into the page.
 */

import type UPlot from 'uplot';
import { make, write } from './elements.ts';

declare const uPlot: typeof UPlot;

/** One line; what makes it different from others is not only its colour. */
export interface Line {
  readonly label: string;
  /** The colour's name in the style sheet: `--accent`. */
  readonly colour: string;
  readonly dash?: 'dashed' | 'dotted';
  /** Whether what is below it is filled. */
  readonly isFilled?: boolean;
}

/** What it is made from. */
export interface ChartOptions {
  /** What it goes into, and fills. */
  readonly place: HTMLElement;
  readonly lines: readonly Line[];
  /** A value as text, with its unit. */
  readonly format: (value: number | null) => string;
  /** What the scale reaches at least, so that next to nothing does not look like much. */
  readonly least: number;
}

/** Times in seconds, then the values of each line; null where there is none. */
export type ChartData = readonly (readonly (number | null)[])[];

/** Less is not shown, so that a page that was just opened has no lines of a few pixels. */
const LEAST_SECONDS = 60;
const DASHES = { dashed: [6, 3], dotted: [2, 3] } as const;
const HEIGHT = 168;
const AXIS_WIDTH = 62;
const AXIS_HEIGHT = 26;
const FONT = '11px system-ui, sans-serif';
const FILL_OPACITY = 0.12;

/** See the top of the file. */
export class Chart {
  readonly #plot: UPlot;
  readonly #legend: Legend;

  constructor(options: ChartOptions) {
    const { place, lines } = options;
    this.#legend = new Legend(options);
    this.#plot = new uPlot(
      {
        width: place.clientWidth,
        height: HEIGHT,
        padding: [8, 26, 0, 0],
        legend: { show: false },
        cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 } },
        select: { show: false, left: 0, top: 0, width: 0, height: 0 },
        scales: {
          x: { time: true, range: ({ data: [times] }) => rangeOf(times) },
          y: { range: (_plot, _lowest, highest) => [0, roundUp(highest ?? 0, options.least)] },
        },
        axes: axesOf(options),
        series: [{}, ...lines.map(seriesOf)],
        hooks: { setCursor: [(plot) => this.#legend.show(plot)] },
      },
      [[], ...lines.map(() => [])],
      place,
    );
    place.append(this.#legend.element);
    new ResizeObserver(() => this.#fit(place)).observe(place);
    const isDark = matchMedia('(prefers-color-scheme: dark)');
    isDark.addEventListener('change', () => this.#plot.redraw());
  }

  show(data: ChartData): void {
    const [times = [], ...values] = data;
    this.#plot.setData([times.map(Number), ...values.map((line) => [...line])]);
    this.#legend.show(this.#plot);
  }

  #fit({ clientWidth: width }: HTMLElement): void {
    if (width > 0 && width !== this.#plot.width) this.#plot.setSize({ width, height: HEIGHT });
  }
}

/** What each line is, and its value: where the pointer is, or the last. */
class Legend {
  readonly element: HTMLElement = make('ul', 'legend');
  readonly #format: ChartOptions['format'];
  readonly #values: readonly HTMLElement[];
  readonly #time = make('li', 'time');

  constructor({ lines, format }: ChartOptions) {
    this.#format = format;
    this.#values = lines.map(({ label, colour: name, dash = 'solid' }) => {
      const entry = make('li');
      const sample = make('span', 'sample');
      sample.style.borderTop = `2px ${dash} var(${name})`;
      const value = make('b');
      entry.append(sample, `${label} `, value);
      this.element.append(entry);
      return value;
    });
    this.element.append(this.#time);
  }

  show({ data, cursor }: UPlot): void {
    const [times, ...lines] = data;
    const at = cursor.idx ?? times.length - 1;
    for (const [i, value] of this.#values.entries()) {
      write(value, this.#format(lines[i]?.[at] ?? null));
    }
    write(this.#time, cursor.idx == null ? '' : `at ${timeOf(times[at] ?? 0)}`);
  }
}

function axesOf({ format }: ChartOptions): UPlot.Axis[] {
  const axis: UPlot.Axis = {
    stroke: () => colour('--soft'),
    font: FONT,
    grid: { stroke: () => colour('--line'), width: 1 },
    ticks: { show: false },
  };
  return [
    { ...axis, size: AXIS_HEIGHT, space: 70, values: (_plot, times) => times.map(timeOf) },
    { ...axis, size: AXIS_WIDTH, space: 32, values: (_plot, values) => values.map(format) },
  ];
}

function seriesOf({ label, colour: name, dash, isFilled }: Line): UPlot.Series {
  return {
    label,
    stroke: () => colour(name),
    width: 1.5,
    points: { show: false },
    ...(dash !== undefined && { dash: [...DASHES[dash]] }),
    ...(isFilled && { fill: () => faded(colour(name)) }),
  };
}

/** From the first time to the last; uPlot's own idea of one time alone is a day. */
function rangeOf(times: ArrayLike<number>): [number, number] {
  const last = times[times.length - 1] ?? Date.now() / 1000;
  return [Math.min(times[0] ?? last, last - LEAST_SECONDS), last];
}

/** A little more than the highest value, so that small changes of it move nothing. */
function roundUp(highest: number, least: number): number {
  const most = Math.max(highest, least);
  const unit = 10 ** Math.floor(Math.log10(most));
  const step = [1, 2, 4, 5, 10].find((one) => one * unit >= most) ?? 10;
  return step * unit;
}

function timeOf(seconds: number): string {
  return new Date(seconds * 1000).toLocaleTimeString('en-GB');
}

function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** `#rrggbb` with little opacity. */
function faded(hex: string): string {
  const opacity = Math.round(FILL_OPACITY * 255).toString(16);
  return `${hex}${opacity.padStart(2, '0')}`;
}
