// Recent warnings.

import { make, match, part, write } from "./dom.js";

/** Warnings that are shown at most. */
const MOST = 50;

/** Shows warnings, newest first; of one sweep, those of others are left out. */
export function showEvents(section, { events }, sweep) {
  const concern = events.filter((event) => !sweep || event.sweep === "" || event.sweep === sweep);
  const newest = concern.slice(-MOST).reverse();
  const key = (event) => `${event.unix_ms} ${event.sweep} ${event.worker} ${event.text}`;
  match(section.querySelector("ol"), newest, key, create, update);
  part(section, "empty").hidden = newest.length > 0;
}

function create(event) {
  return make("li", { className: event.level.toLowerCase() }, make("time"), make("span"), make("small"));
}

function update(line, event) {
  const [time, text, who] = line.children;
  const at = new Date(event.unix_ms);
  time.dateTime = at.toISOString();
  write(time, at.toLocaleTimeString());
  time.title = at.toLocaleString();
  write(text, event.text);
  write(who, [event.sweep, event.worker].filter(Boolean).join(" \u00b7 "));
}
