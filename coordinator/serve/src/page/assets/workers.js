// The connected workers.

import { make, match, part, row, write, writeOrHide } from "./dom.js";
import { bytes, count, duration } from "./format.js";

const LABELS = ["Worker", "Device", "State", "Memory", "Rate", "Cache hits", "Tiles", "In hand"];

/** Shows the workers. */
export function showWorkers(section, { workers, total }) {
  match(section.querySelector("tbody"), workers, (worker) => worker.id, create, update);
  section.querySelector("table").hidden = workers.length === 0;
  part(section, "empty").hidden = workers.length > 0;
  const more = total - workers.length;
  writeOrHide(part(section, "more"), more > 0 ? `And ${more} more: patchsweep workers shows all.` : "");
}

function create() {
  const line = row(LABELS);
  line.cells[0].append(make("span"), make("small"));
  line.cells[2].append(make("span"));
  return line;
}

function update(line, worker) {
  const [name, device, state, memory, rate, cache, tiles, hand] = line.cells;
  write(name.children[0], worker.name);
  write(name.children[1], worker.version);
  write(device, worker.device);
  state.firstChild.className = `state ${worker.state}`;
  write(state.firstChild, worker.state);
  state.firstChild.title = worker.reason ?? "";
  write(memory, memoryText(worker.memory));
  write(rate, worker.multiply_adds_per_second === null ? "not measured" : `${count(worker.multiply_adds_per_second)}/s`);
  rate.title = "multiply-adds per second";
  write(cache, cacheText(worker.cache));
  write(tiles, String(worker.tiles_done));
  write(hand, handText(worker));
}

function memoryText({ used, budget }) {
  if (budget === 0) return used === 0 ? "unknown" : bytes(used);
  return `${bytes(used)} of ${bytes(budget)}`;
}

function cacheText({ hits, misses }) {
  const all = hits + misses;
  return all === 0 ? "none yet" : `${Math.floor((100 * hits) / all)} % of ${count(all)}`;
}

function handText({ hand, leases }) {
  if (hand === null) return leases === 0 ? "idle" : `${leases} waiting`;
  const parts = [`${hand.grid}, ${hand.iteration}`, duration(hand.seconds)];
  if (hand.attempt > 1) parts.push(`attempt ${hand.attempt}`);
  if (hand.retries > 0) parts.push(`${hand.retries} retries for memory`);
  return parts.join(" \u00b7 ");
}
