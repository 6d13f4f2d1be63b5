// A bar of what is done, in multiply-adds: tiles differ in their cost.

import { make, write } from "./dom.js";
import { count, percent } from "./format.js";

/** An empty bar. */
export function bar() {
  return make("div", { className: "bar" }, make("progress", { max: 100 }), make("span"));
}

/** Fills a bar. */
export function fill(element, work, label) {
  const [progress, text] = element.children;
  const done = percent(work.multiply_adds.done, work.multiply_adds.total);
  progress.value = done;
  progress.setAttribute("aria-label", label);
  const { done: cells, total, noop } = work.cells;
  element.title = `${count(work.multiply_adds.done)} of ${count(work.multiply_adds.total)} multiply-adds`;
  write(text, `${done} %, ${count(cells)} of ${count(total - noop)} cells`);
}
