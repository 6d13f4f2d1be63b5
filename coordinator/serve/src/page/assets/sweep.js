// One sweep: how far it is, and its heat maps.

import { make, match, part, write, writeOrHide } from "./dom.js";
import { count, duration } from "./format.js";
import { GridView } from "./grid.js";
import { bar, fill } from "./progress.js";
import { showState } from "./sweeps.js";

/** Grids whose heat maps are open from the start; each costs a request. */
const OPEN_AT_FIRST = 4;

/** Shows one sweep; lives as long as the page shows it. */
export class SweepView {
  constructor(section, id) {
    this.section = section;
    this.id = id;
    this.grids = new Map();
    this.metric = null;
    part(section, "progress").replaceChildren(bar());
    part(section, "grids").replaceChildren();
    this.chooser = part(section, "metrics");
    this.chooser.hidden = true;
    this.chooser.lastElementChild.replaceChildren();
    this.chooser.lastElementChild.onchange = (event) => this.choose(event.target.value);
  }

  /** Shows how far the sweep is. */
  update(sweep) {
    document.title = `${sweep.name} \u00b7 patchsweep`;
    write(part(this.section, "name"), sweep.name);
    showState(part(this.section, "state"), sweep);
    write(part(this.section, "facts"), facts(sweep));
    fill(part(this.section, "progress").firstChild, sweep, "progress of the sweep");
    writeOrHide(part(this.section, "why"), reasonText(sweep));
    const create = (grid) => this.open(grid);
    const update = (_, grid) => this.grids.get(grid.name).progress(grid);
    match(part(this.section, "grids"), sweep.grids, (grid) => grid.name, create, update);
    this.version = sweep.version;
  }

  open(grid) {
    const shown = grid.maps && this.grids.size < OPEN_AT_FIRST;
    const view = new GridView(this.id, grid, shown);
    this.grids.set(grid.name, view);
    return view.element;
  }

  /** Brings the heat maps that are open up to date, one after the other. */
  async refresh() {
    for (const grid of this.grids.values()) {
      const scores = await grid.refresh(this.version, this.metric);
      if (scores) this.offer(scores.metrics);
    }
  }

  offer(metrics) {
    this.chooser.hidden = metrics.length < 2;
    const select = this.chooser.lastElementChild;
    if (select.children.length === 0) {
      select.append(...metrics.map((metric) => make("option", { value: metric, text: metric })));
    }
  }

  choose(metric) {
    this.metric = metric;
    // Shown at once rather than with the next look at the coordinator.
    this.refresh().catch(() => {});
  }
}

function reasonText(sweep) {
  return sweep.waiting ? `Waiting ${sweep.waiting}.` : sweep.reason;
}

function facts(sweep) {
  const parts = [sweep.id, `${sweep.tiles.done} of ${sweep.tiles.total} tiles`];
  if (sweep.tiles.failed > 0) parts.push(`${sweep.tiles.failed} failed`);
  parts.push(`${count(sweep.cells.noop)} no-ops left out`);
  if (sweep.state === "running") {
    if (sweep.remaining_seconds !== null) parts.push(`${duration(sweep.remaining_seconds)} left`);
    const rate = sweep.multiply_adds.per_second;
    if (rate !== null) parts.push(`${count(rate)} multiply-adds/s`);
  }
  const verb = sweep.state === "running" ? "running for" : "took";
  parts.push(`${verb} ${duration(sweep.elapsed_seconds)}`);
  return parts.join(" \u00b7 ");
}
