// The heat maps of one grid: a facet for each iteration, all with one range of colours.

import { cellSize, paint } from "./cells.js";
import { scale } from "./colours.js";
import { make, match, write } from "./dom.js";
import { number } from "./format.js";
import { legend } from "./legend.js";
import { STATUSES } from "./statuses.js";
import { columnTicks, rowTicks, widest } from "./ticks.js";
import { follow } from "./tip.js";

/** What an axis' name takes, in pixels. */
const AXIS_NAME = 18;

export class HeatMaps {
  constructor() {
    this.facets = make("div", { className: "facets" });
    this.legend = make("div", { className: "legend" });
    this.element = make("div", { className: "maps" }, this.legend, this.facets);
    this.scores = null;
    this.drawnWidth = 0;
    new ResizeObserver(() => this.resized()).observe(this.element);
  }

  /** Shows the scores of a grid. */
  show(scores) {
    this.scores = scores;
    this.draw();
  }

  resized() {
    if (this.element.clientWidth !== this.drawnWidth) this.draw();
  }

  draw() {
    const { scores } = this;
    this.drawnWidth = this.element.clientWidth;
    if (!scores || this.drawnWidth === 0) return;
    const colour = scale(scores.colours, scores.range);
    const facets = scores.facets.map((facet) => ({ ...scores, facet, colour, room: this.drawnWidth }));
    match(this.facets, facets, ({ facet }) => facet.iteration, createFacet, drawFacet);
    this.legend.replaceChildren(...legend(scores));
  }
}

function createFacet() {
  const canvas = make("canvas", { tabIndex: 0 });
  canvas.setAttribute("role", "img");
  const figure = make("figure", { className: "facet" }, make("figcaption"), make("div", { className: "scroll" }, make("div", { className: "map" }, canvas)));
  follow(canvas);
  return figure;
}

function drawFacet(figure, plan) {
  const [caption, scroll] = figure.children;
  const map = scroll.firstChild;
  const canvas = map.querySelector("canvas");
  write(caption, plan.facet.label);
  const [rows, columns] = [plan.rows.names.length, plan.columns.names.length];

  const left = widest(plan.rows.ticks) + AXIS_NAME;
  const size = cellSize(rows, columns, plan.room - left - 2);
  const below = columnTicks(plan.columns, size.width);
  const beside = rowTicks(plan.rows, size.height);
  const [width, height] = [columns * size.width, rows * size.height];
  paint(canvas, { ...plan, rows, columns, size });
  canvas.style.left = `${left}px`;
  canvas.setAttribute("aria-label", description(plan));
  canvas.hovered = { names: plan.rows.names, others: plan.columns.names, facet: plan.facet };

  beside.forEach((tick) => (tick.style.right = `${width + 4}px`));
  below.elements.forEach((tick) => {
    tick.style.left = `${parseFloat(tick.style.left) + left}px`;
    tick.style.top = `${height + 3}px`;
  });
  const across = make("span", { className: "axis across", text: plan.columns.title });
  across.style.top = `${height + below.room + 5}px`;
  across.style.left = `${left}px`;
  across.style.width = `${width}px`;
  const down = make("span", { className: "axis down", text: plan.rows.title });
  down.style.height = `${height}px`;
  map.style.width = `${left + width}px`;
  map.style.height = `${height + below.room + AXIS_NAME + 5}px`;
  map.replaceChildren(canvas, down, ...beside, ...below.elements, across);
}

function description({ grid, metric, facet }) {
  const pending = facet.status.filter((status) => STATUSES[status].key === "pending").length;
  const known = facet.effect.filter((effect) => effect !== null);
  const cells = `${facet.effect.length - pending} of ${facet.effect.length} cells`;
  const [low, high] = known.reduce(([a, b], effect) => [Math.min(a, effect), Math.max(b, effect)], [0, 0]);
  return `${grid}, ${metric}, ${facet.label}: ${cells}, effects from ${number(low)} to ${number(high)}`;
}
