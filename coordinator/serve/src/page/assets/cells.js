// Paints the cells of one facet.

import { STATUSES } from "./statuses.js";

/** The status of a computed cell, and that of one whose number is none. */
export const COMPUTED = STATUSES.find(({ key }) => key === "computed");
const NOT_FINITE = STATUSES.find(({ key }) => key === "not-finite");

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

/** What a cell is worth: its status, unless it says that there is a number and there is none. */
export function statusOf(number, effect) {
  const status = STATUSES[number];
  return status === COMPUTED && effect === null ? NOT_FINITE : status;
}

function paintCell(context, { x, y, width, height }, status, effect, colour, dense) {
  const { look } = statusOf(status, effect);
  context.fillStyle = look ? look.fill : colour(effect);
  context.fillRect(x, y, width, height);
  if (!look || Math.min(width, height) < LEAST_MARKED * dense) return;
  const [middle, centre, quarter] = [x + width / 2, y + height / 2, Math.min(width, height) / 4];
  context.strokeStyle = look.ink;
  context.lineWidth = dense;
  context.beginPath();
  for (const [fromX, fromY, toX, toY] of look.strokes) {
    context.moveTo(middle + fromX * quarter, centre + fromY * quarter);
    context.lineTo(middle + toX * quarter, centre + toY * quarter);
  }
  context.stroke();
}
