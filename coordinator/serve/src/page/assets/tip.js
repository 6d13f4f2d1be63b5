// What is shown of the cell under the pointer, or under the arrow keys.

import { COMPUTED, statusOf } from "./cells.js";
import { make } from "./dom.js";
import { meanAndError } from "./format.js";

const tip = document.getElementById("tip");

/** Shows the tip for a canvas whose `hovered` says what is on it. */
export function follow(canvas) {
  let cell = { row: 0, column: 0 };
  const move = (event) => {
    const box = canvas.getBoundingClientRect();
    const { names, others } = canvas.hovered;
    const place = (at, length, most) => Math.min(most - 1, Math.max(0, Math.floor((at / length) * most)));
    cell = {
      row: place(event.clientY - box.top, box.height, names.length),
      column: place(event.clientX - box.left, box.width, others.length),
    };
    show(canvas, cell);
  };
  canvas.addEventListener("pointermove", move);
  canvas.addEventListener("pointerdown", move);
  canvas.addEventListener("pointerleave", hide);
  canvas.addEventListener("blur", hide);
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (event.key === "Escape") hide();
    if (!step) return;
    event.preventDefault();
    const { names, others } = canvas.hovered;
    const within = (at, most) => Math.min(most - 1, Math.max(0, at));
    cell = { row: within(cell.row + step[0], names.length), column: within(cell.column + step[1], others.length) };
    show(canvas, cell);
  });
}

function hide() {
  tip.hidden = true;
}

function show(canvas, { row, column }) {
  const { names, others, facet } = canvas.hovered;
  const place = row * others.length + column;
  const cell = [names[row], others[column]].filter(Boolean).join(", ");
  tip.replaceChildren(make("b", { text: cell }), make("span", { text: described(facet, place) }), make("small", { text: facet.label }));
  tip.hidden = false;
  const box = canvas.getBoundingClientRect();
  const x = box.left + ((column + 0.5) * box.width) / others.length;
  const y = box.top + ((row + 1) * box.height) / names.length + 8;
  const right = document.documentElement.clientWidth - tip.offsetWidth - 6;
  const below = y + tip.offsetHeight < window.innerHeight;
  tip.style.left = `${Math.max(6, Math.min(right, x - tip.offsetWidth / 2))}px`;
  tip.style.top = `${below ? y : y - box.height / names.length - tip.offsetHeight - 16}px`;
}

function described({ status, effect, stderr }, place) {
  const known = statusOf(status[place], effect[place]);
  return known === COMPUTED ? `effect ${meanAndError(effect[place], stderr[place])}` : known.meaning;
}
