// Labels beside a facet, as many as have room.

import { make } from "./dom.js";

/** Pixels of a line of text, and of a character. */
const LINE = 14;
const CHARACTER = 7;

/** Columns' labels of a few characters lie, longer ones stand. */
const LYING = 3;

/** Labels of the rows: elements, and the room that they take. */
export function rowTicks({ ticks }, height) {
  const width = longest(ticks) * CHARACTER + 6;
  const elements = thinned(ticks, height, LINE).map((tick) => {
    const element = make("span", { className: "tick row", text: tick.text });
    element.style.top = `${(tick.at + 0.5) * height - LINE / 2}px`;
    return element;
  });
  return { elements, room: ticks.length === 0 ? 0 : width };
}

/** Labels of the columns: elements, and the room that they take. */
export function columnTicks({ ticks }, width) {
  const characters = longest(ticks);
  const lying = characters <= LYING;
  const each = lying ? characters * CHARACTER + 6 : LINE;
  const elements = thinned(ticks, width, each).map((tick) => {
    const element = make("span", { className: lying ? "tick column" : "tick column standing", text: tick.text });
    element.style.left = `${(tick.at + 0.5) * width - each / 2}px`;
    element.style.width = `${each}px`;
    return element;
  });
  const room = lying ? LINE : characters * CHARACTER + 6;
  return { elements, room: ticks.length === 0 ? 0 : room };
}

function longest(ticks) {
  return Math.max(1, ...ticks.map((tick) => [...tick.text].length));
}

/** Every so many ticks, so that each has `needed` pixels when a row or column has `size`. */
function thinned(ticks, size, needed) {
  if (ticks.length < 2) return ticks;
  const between = (ticks[1].at - ticks[0].at) * size;
  const step = Math.max(1, Math.ceil(needed / between));
  return ticks.filter((_, place) => place % step === 0);
}
