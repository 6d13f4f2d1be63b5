// Paints the cells of one facet.

import { NEUTRAL } from "./colours.js";

/** The `STATUS_` numbers of the results, as documented in docs/results.md. */
export const STATUS = { computed: 0, notFinite: 1, noop: 2, failed: 3, pending: 4 };

/** Marks are drawn in cells of at least this many pixels. */
const MARKED = 7;

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

function paintCell(context, box, status, effect, colour, dense) {
  const { x, y, width, height } = box;
  const missing = effect === null;
  if (status === STATUS.pending) context.fillStyle = NEUTRAL.pending;
  else context.fillStyle = missing ? NEUTRAL.failed : colour(effect);
  context.fillRect(x, y, width, height);
  if (Math.min(width, height) < MARKED * dense) return;
  context.lineWidth = dense;
  if (status === STATUS.pending) hatch(context, box, dense);
  else if (missing) cross(context, box);
  else if (status === STATUS.noop) dot(context, box, dense);
}

/** Lines from the lower left to the upper right, which meet those of the next cell. */
function hatch(context, { x, y, width, height }, dense) {
  context.save();
  context.beginPath();
  context.rect(x, y, width, height);
  context.clip();
  context.strokeStyle = NEUTRAL.pendingLine;
  context.beginPath();
  const step = 6 * dense;
  const first = Math.ceil((x + y) / step) * step;
  for (let sum = first; sum < x + y + width + height; sum += step) {
    context.moveTo(sum - y, y);
    context.lineTo(sum - y - height, y + height);
  }
  context.stroke();
  context.restore();
}

function cross(context, { x, y, width, height }) {
  const inset = Math.min(width, height) / 4;
  context.strokeStyle = NEUTRAL.failedLine;
  context.beginPath();
  context.moveTo(x + inset, y + inset);
  context.lineTo(x + width - inset, y + height - inset);
  context.moveTo(x + width - inset, y + inset);
  context.lineTo(x + inset, y + height - inset);
  context.stroke();
}

function dot(context, { x, y, width, height }, dense) {
  context.fillStyle = NEUTRAL.mark;
  context.fillRect(Math.round(x + width / 2 - dense), Math.round(y + height / 2 - dense), 2 * dense, 2 * dense);
}
