/**
 * A chart of the last minutes: lines over time, drawn by uPlot in the page's own colours.
 *
 * The only module that knows uPlot, which a script of its own has put into the page.
 */

import type UPlot from 'uplot';

declare const uPlot: typeof UPlot;

/** One line; what makes it different from others is not only its colour. */
export interface Line {
  readonly label: string;
  /** The colour's name in the style sheet: `--accent`. */
  readonly colour: string;
  readonly dash?: readonly number[];
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
  /** How much time is shown, in seconds. */
  readonly seconds: number;
}

/** Times in seconds, then the values of each line; null where there is none. */
export type ChartData = readonly (readonly (number | null)[])[];

const HEIGHT = 168;
const AXIS_WIDTH = 62;
const AXIS_HEIGHT = 26;
const FONT = '11px system-ui, sans-serif';
const FILL_OPACITY = 0.12;

/** See the top of the file. */
export class Chart {
  readonly #plot: UPlot;

  constructor({ place, lines, format, seconds }: ChartOptions) {
    const axis = {
      stroke: () => colour('--soft'),
      font: FONT,
      grid: { stroke: () => colour('--line'), width: 1 },
      ticks: { show: false },
    };
    this.#plot = new uPlot(
      {
        width: place.clientWidth,
        height: HEIGHT,
        padding: [8, 8, 0, 0],
        legend: { live: true },
        cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 } },
        select: { show: false, left: 0, top: 0, width: 0, height: 0 },
        scales: {
          x: { time: true, range: (_plot, _least, most) => [most - seconds, most] },
          y: { range: (_plot, _least, most) => [0, roundUp(most)] },
        },
        axes: [
          { ...axis, size: AXIS_HEIGHT, space: 70, values: (_plot, times) => times.map(timeOf) },
          {
            ...axis,
            size: AXIS_WIDTH,
            space: 32,
            values: (_plot, values) => values.map((value) => format(value)),
          },
        ],
        series: [
          { label: 'time', value: (_plot, time) => (time === null ? '' : timeOf(time)) },
          ...lines.map(
            (line): UPlot.Series => ({
              label: line.label,
              stroke: () => colour(line.colour),
              width: 1.5,
              points: { show: false },
              spanGaps: false,
              value: (_plot, value) => format(value),
              ...(line.dash !== undefined && { dash: [...line.dash] }),
              ...(line.isFilled && { fill: () => faded(colour(line.colour)) }),
            }),
          ),
        ],
      },
      [[], ...lines.map(() => [])],
      place,
    );
    new ResizeObserver(() => this.#fit(place)).observe(place);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () =>
      this.#plot.redraw(),
    );
  }

  show(data: ChartData): void {
    const [times = [], ...values] = data;
    this.#plot.setData([times.map(Number), ...values.map((line) => [...line])]);
  }

  #fit({ clientWidth: width }: HTMLElement): void {
    if (width > 0 && width !== this.#plot.width) this.#plot.setSize({ width, height: HEIGHT });
  }
}

/** A little more than the largest value, so that small changes of it move nothing. */
function roundUp(most: number | null): number {
  if (most === null || most <= 0) return 1;
  const unit = 10 ** Math.floor(Math.log10(most));
  const step = [1, 2, 2.5, 5, 10].find((one) => one * unit >= most * 1.05) ?? 20;
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
