// Labels beside a facet, as many as have room.

import { make } from "./dom.js";

/** Pixels of a line of text. */
const LINE = 14;

/** Columns' labels of a few characters lie, longer ones stand. */
const LYING = 3;

const pen = document.createElement("canvas").getContext("2d");

/** Labels of the rows. */
export function rowTicks({ ticks }, height) {
  return thinned(ticks, height, LINE).map((tick) => {
    const element = make("span", { className: "tick row", text: tick.text });
    element.style.top = `${(tick.at + 0.5) * height - LINE / 2}px`;
    return element;
  });
}

/** Labels of the columns: elements, and the room that they take. */
export function columnTicks({ ticks }, width) {
  const lying = ticks.every(({ text }) => text.length <= LYING);
  const each = lying ? widest(ticks) : LINE;
  const elements = thinned(ticks, width, each).map((tick) => {
    const element = make("span", { className: lying ? "tick column" : "tick column standing", text: tick.text });
    element.style.left = `${(tick.at + 0.5) * width - each / 2}px`;
    element.style.width = `${each}px`;
    return element;
  });
  return { elements, room: lying ? LINE : widest(ticks) };
}

/** Pixels of the longest label, with a little space. */
export function widest(ticks) {
  pen.font = `12px ${getComputedStyle(document.body).fontFamily}`;
  return Math.ceil(Math.max(0, ...ticks.map(({ text }) => pen.measureText(text).width))) + 6;
}

/** Every so many ticks, so that each has `needed` pixels when a row or column has `size`. */
function thinned(ticks, size, needed) {
  if (ticks.length < 2) return ticks;
  const between = (ticks[1].at - ticks[0].at) * size;
  const step = Math.max(1, Math.ceil(needed / between));
  return ticks.filter((_, place) => place % step === 0);
}
