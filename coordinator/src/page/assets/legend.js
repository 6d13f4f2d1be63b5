// What the colours mean.

import { paint, STATUS } from "./cells.js";
import { scale } from "./colours.js";
import { make } from "./dom.js";
import { number } from "./format.js";

const SAMPLES = [
  { status: STATUS.pending, effect: null, text: "not computed yet" },
  { status: STATUS.noop, effect: 0, text: "no-op, effect 0" },
  { status: STATUS.failed, effect: null, text: "no score" },
];

const STEPS = 81;

/** The range of colours, and those kinds of cells that occur. */
export function legend(told) {
  const occurs = (sample) => told.facets.some(({ status }) => status.some((one) => sample.status === one));
  const failed = told.facets.some(({ status }) => status.includes(STATUS.notFinite));
  const samples = SAMPLES.filter((sample) => occurs(sample) || (sample.status === STATUS.failed && failed));
  return [range(told), ...samples.map(sampled)];
}

function range({ colours, range: most }) {
  const canvas = make("canvas");
  const effect = Array.from({ length: STEPS }, (_, step) => most * ((2 * step) / (STEPS - 1) - 1));
  const facet = { effect, status: effect.map(() => STATUS.computed) };
  const size = { width: 2, height: 12 };
  paint(canvas, { rows: 1, columns: STEPS, size, facet, colour: scale(colours, most) });
  const end = (value) => make("span", { text: number(value) });
  return make("span", { className: "range", title: "effect" }, "effect ", end(-most), canvas, end(most));
}

function sampled({ status, effect, text }) {
  const canvas = make("canvas");
  const facet = { effect: [effect], status: [status] };
  paint(canvas, { rows: 1, columns: 1, size: { width: 16, height: 16 }, facet, colour: () => "#f7f7f7" });
  return make("span", { className: "sample" }, canvas, text);
}
