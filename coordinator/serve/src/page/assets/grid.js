// One grid of a sweep: its progress and, while it is open, its heat maps.

import { make, writeOrHide } from "./dom.js";
import { Refused, get } from "./fetch.js";
import { HeatMaps } from "./heatmaps.js";
import { bar, fill } from "./progress.js";

/** Facets of a grid that the page draws at most. */
const MOST_FACETS = 48;

export class GridView {
  constructor(sweep, grid, open) {
    this.sweep = sweep;
    this.name = grid.name;
    this.shown = null;
    this.maps = new HeatMaps();
    this.bar = bar();
    this.note = make("p", { className: "note", hidden: true });
    const head = [make("h2", { text: grid.name }), this.bar];
    if (grid.maps) {
      this.element = make("details", { className: "grid", open }, make("summary", {}, ...head), this.note, this.maps.element);
      this.element.addEventListener("toggle", () => this.toggled());
    } else {
      this.element = make("div", { className: "grid" }, ...head);
    }
  }

  progress(grid) {
    fill(this.bar, grid, `progress of ${grid.name}`);
  }

  toggled() {
    if (!this.element.open) return;
    this.maps.draw();
    if (this.wanted) this.refresh(...this.wanted).catch(() => {});
  }

  /** Draws the scores as they are now, unless they are what is drawn already. Returns the coordinator's answer. */
  async refresh(version, metric) {
    this.wanted = [version, metric];
    if (!this.element.open || this.shown === `${version} ${metric}`) return null;
    try {
      const scores = await this.fetch(metric);
      if (metric !== this.wanted[1]) return null; // another metric was chosen meanwhile
      this.maps.show(scores);
      this.shown = `${scores.version} ${metric}`;
      const left = scores.iterations - scores.facets.length;
      writeOrHide(this.note, left > 0 ? `${left} further iterations are in the report.` : "");
      return scores;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      // Asking again would not help: the grid is too large for a page.
      this.shown = `${version} ${metric}`;
      writeOrHide(this.note, error.message);
      return null;
    }
  }

  async fetch(metric) {
    let whole = null;
    for (let from = 0; from !== null && from < MOST_FACETS; ) {
      const query = new URLSearchParams({ grid: this.name, from });
      if (metric) query.set("metric", metric);
      const piece = await get(`api/sweeps/${encodeURIComponent(this.sweep)}/results?${query}`);
      if (whole) whole.facets.push(...piece.facets);
      else whole = piece;
      from = piece.next;
    }
    return whole;
  }
}
