// What is shown, and when the coordinator is asked again.

import { showEvents } from "./events.js";
import { Lost, Refused, get } from "./fetch.js";
import { SweepView } from "./sweep.js";
import { part, write } from "./dom.js";
import { showSweeps } from "./sweeps.js";
import { showWorkers } from "./workers.js";

/** Between two looks at the coordinator, while something runs and while nothing does. */
const BUSY_MS = 2000;
const QUIET_MS = 10000;

const section = (id) => document.getElementById(id);
const views = ["sweeps", "sweep", "missing", "workers", "events"];

let shown = null; // the SweepView, where one sweep is shown
let turn = 0; // counts up whenever an answer to an earlier question would be out of date
let timer = null;

function wantedSweep() {
  return new URLSearchParams(location.hash.slice(1)).get("sweep");
}

function only(...ids) {
  for (const id of views) section(id).hidden = !ids.includes(id);
}

/** Looks, shows, and comes again; one look at a time. */
async function look() {
  clearTimeout(timer);
  turn += 1;
  if (document.hidden) return;
  const mine = turn;
  let pause = BUSY_MS;
  try {
    const busy = await (wantedSweep() ? lookAtSweep(wantedSweep(), mine) : lookAtAll(mine));
    if (mine !== turn) return;
    section("lost").hidden = true;
    pause = busy ? BUSY_MS : QUIET_MS;
  } catch (error) {
    if (mine !== turn) return;
    if (error instanceof Refused) missing(error.message);
    else if (error instanceof Lost) section("lost").hidden = false;
    else throw error;
  } finally {
    if (mine === turn) timer = setTimeout(look, pause);
  }
}

async function lookAtAll(mine) {
  const [sweeps, workers, events] = await Promise.all([get("api/sweeps"), get("api/workers"), get("api/events")]);
  if (mine !== turn) return false;
  document.title = "patchsweep";
  shown = null;
  showSweeps(section("sweeps"), sweeps);
  showAround(workers, events, null);
  only("sweeps", "workers", "events");
  return sweeps.sweeps.some((sweep) => sweep.state === "running");
}

async function lookAtSweep(id, mine) {
  const path = `api/sweeps/${encodeURIComponent(id)}`;
  const [sweep, workers, events] = await Promise.all([get(path), get("api/workers"), get("api/events")]);
  if (mine !== turn) return false;
  if (shown?.id !== id) shown = new SweepView(section("sweep"), id);
  shown.update(sweep);
  showAround(workers, events, sweep.id);
  only("sweep", "workers", "events");
  await shown.refresh();
  return sweep.state === "running";
}

function showAround(workers, events, sweep) {
  showWorkers(section("workers"), workers);
  showEvents(section("events"), events, sweep);
}

function missing(why) {
  section("lost").hidden = true;
  document.title = "patchsweep";
  write(part(section("missing"), "why"), why);
  only("missing");
  shown = null;
}

window.addEventListener("hashchange", look);
document.addEventListener("visibilitychange", look);
look();
