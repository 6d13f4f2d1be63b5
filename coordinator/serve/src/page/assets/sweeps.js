// The list of sweeps.

import { make, match, part, row, write, writeOrHide } from "./dom.js";
import { duration, moment } from "./format.js";
import { bar, fill } from "./progress.js";

const LABELS = ["Sweep", "State", "Progress", "Time left", "Elapsed", "Submitted"];

/** Shows the list. */
export function showSweeps(section, { sweeps, total }) {
  match(section.querySelector("tbody"), sweeps, (sweep) => sweep.id, create, update);
  section.querySelector("table").hidden = sweeps.length === 0;
  part(section, "empty").hidden = sweeps.length > 0;
  const more = total - sweeps.length;
  writeOrHide(part(section, "more"), more > 0 ? `And ${more} older ones: patchsweep list shows all.` : "");
}

function create(sweep) {
  const line = row(LABELS);
  line.cells[0].append(make("a", { href: `#${new URLSearchParams({ sweep: sweep.id })}` }), make("small"));
  line.cells[1].append(make("span"));
  line.cells[2].append(bar());
  return line;
}

function update(line, sweep) {
  const [name, state, progress, left, elapsed, submitted] = line.cells;
  write(name.children[0], sweep.name);
  write(name.children[1], sweep.id);
  showState(state.firstChild, sweep);
  fill(progress.firstChild, sweep, `progress of ${sweep.name}`);
  write(left, timeLeft(sweep));
  write(elapsed, duration(sweep.elapsed_seconds));
  write(submitted, moment(sweep.submitted_unix_seconds));
}

/** The state in a word, coloured. */
export function showState(element, sweep) {
  element.className = `state ${sweep.state}`;
  write(element, sweep.waiting ? "waiting" : sweep.state);
  element.title = sweep.waiting ?? sweep.reason ?? "";
}

/** How long a running sweep still takes. */
export function timeLeft(sweep) {
  return sweep.state === "running" && sweep.remaining_seconds !== null ? duration(sweep.remaining_seconds) : "";
}
