// Paints the cells of one facet.

import { MARKED } from "./colours.js";

/** The `STATUS_` numbers of the results, as documented in docs/results.md. */
export const STATUS = { computed: 0, notFinite: 1, noop: 2, failed: 3, pending: 4 };

/** Marks are drawn in cells of at least this many pixels. */
const LEAST_MARKED = 7;

/** Sizes of a cell that make a facet fit `room` pixels where it can; wide facets scroll. */
export function cellSize(rows, columns, room) {
  const width = Math.min(26, Math.max(4, room / columns), 8000 / columns);
  const height = Math.min(22, Math.max(4, 420 / rows), 8000 / rows);
  return { width, height };
}

/** Paints a facet on a canvas of `columns * size.width` by `rows * size.height` CSS pixels. */
export function paint(canvas, { rows, columns, size, facet, colour }) {
  const dense = Math.min(window.devicePixelRatio || 1, 2);
  const [width, height] = [columns * size.width, rows * size.height];
  canvas.width = Math.round(width * dense);
  canvas.height = Math.round(height * dense);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d");
  const edge = (place, length) => Math.round(place * length * dense);
  for (let cell = 0; cell < rows * columns; cell += 1) {
    const [row, column] = [Math.floor(cell / columns), cell % columns];
    const [x, y] = [edge(column, size.width), edge(row, size.height)];
    const box = { x, y, width: edge(column + 1, size.width) - x, height: edge(row + 1, size.height) - y };
    paintCell(context, box, facet.status[cell], facet.effect[cell], colour, dense);
  }
}

/** How a cell is marked that is not on the scale of effects. */
function markOf(status, effect) {
  const kind = Object.keys(STATUS).find((name) => STATUS[name] === status);
  if (kind in MARKED) return kind;
  return effect === null ? "notFinite" : null;
}

function paintCell(context, { x, y, width, height }, status, effect, colour, dense) {
  const mark = markOf(status, effect);
  context.fillStyle = mark ? MARKED[mark].fill : colour(effect);
  context.fillRect(x, y, width, height);
  if (!mark || Math.min(width, height) < LEAST_MARKED * dense) return;
  context.strokeStyle = MARKED[mark].ink;
  context.lineWidth = dense;
  context.beginPath();
  STROKES[mark](context, x + width / 2, y + height / 2, Math.min(width, height) / 4);
  context.stroke();
}

/** What is drawn around a middle, so far from it. */
const STROKES = {
  noop: (context, x, y, reach) => line(context, x - reach, y + reach, x + reach, y - reach),
  failed: (context, x, y, reach) => {
    line(context, x - reach, y - reach, x + reach, y + reach);
    line(context, x + reach, y - reach, x - reach, y + reach);
  },
  notFinite: (context, x, y, reach) => line(context, x - reach, y, x + reach, y),
  pending: (context, x, y, reach) => {
    for (const at of [x - reach, x, x + reach]) line(context, at - reach / 5, y, at + reach / 5, y);
  },
};

function line(context, x, y, toX, toY) {
  context.moveTo(x, y);
  context.lineTo(toX, toY);
}
