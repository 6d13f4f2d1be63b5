// What the colours mean.

import { paint, STATUS } from "./cells.js";
import { scale } from "./colours.js";
import { make } from "./dom.js";
import { number } from "./format.js";

const SAMPLES = [
  { status: STATUS.pending, text: "not computed yet" },
  { status: STATUS.noop, text: "no-op: skipped, effect 0" },
  { status: STATUS.failed, text: "failed" },
  { status: STATUS.notFinite, text: "not a number" },
];

const STEPS = 81;

/** The range of colours, and those kinds of cells that occur. */
export function legend(told) {
  const occurs = ({ status }) => told.facets.some((facet) => facet.status.includes(status));
  return [range(told), ...SAMPLES.filter(occurs).map(sampled)];
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

function sampled({ status, text }) {
  const canvas = make("canvas");
  paint(canvas, { rows: 1, columns: 1, size: { width: 16, height: 16 }, facet: { effect: [null], status: [status] } });
  return make("span", { className: "sample" }, canvas, text);
}
