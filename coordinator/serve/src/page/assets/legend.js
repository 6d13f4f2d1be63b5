// What the colours mean.

import { COMPUTED, paint, statusOf } from "./cells.js";
import { scale } from "./colours.js";
import { make } from "./dom.js";
import { number } from "./format.js";
import { STATUSES } from "./statuses.js";

const STEPS = 81;

/** The range of colours, and those kinds of cells that occur. */
export function legend(scores) {
  const occurs = (status) =>
    scores.facets.some((facet) => facet.status.some((number, cell) => statusOf(number, facet.effect[cell]) === status));
  return [range(scores), ...STATUSES.filter((status) => status !== COMPUTED && occurs(status)).map(sampled)];
}

function range({ colours, range: most }) {
  const canvas = make("canvas");
  const effect = Array.from({ length: STEPS }, (_, step) => most * ((2 * step) / (STEPS - 1) - 1));
  const facet = { effect, status: effect.map(() => COMPUTED.number) };
  const size = { width: 2, height: 12 };
  paint(canvas, { rows: 1, columns: STEPS, size, facet, colour: scale(colours, most) });
  const end = (value) => make("span", { text: number(value) });
  return make("span", { className: "range", title: "effect" }, "effect ", end(-most), canvas, end(most));
}

function sampled({ number: status, text }) {
  const canvas = make("canvas");
  paint(canvas, { rows: 1, columns: 1, size: { width: 16, height: 16 }, facet: { effect: [null], status: [status] } });
  return make("span", { className: "sample" }, canvas, text);
}
