"use strict";
// Tells of the cell under the pointer. Everything else on the page works without this.
const STATUSES = JSON.parse(document.getElementById("statuses").textContent);

const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
const number = (value, digits) => (Number.isNaN(value) ? "none" : String(Number(value.toPrecision(digits))));

function decode(json) {
  const data = JSON.parse(json);
  for (const field of Object.keys(data.fields)) {
    data.fields[field] = new Float32Array(bytes(data.fields[field]).buffer);
  }
  data.status = bytes(data.status);
  data.significant = bytes(data.significant);
  if (typeof data.count === "string") data.count = new Uint32Array(bytes(data.count).buffer);
  return data;
}

/** Facet, row and column at a place in the figure; null beside the cells. */
function cellAt(data, x, y) {
  const [width, height] = data.cell;
  for (const [facet, [left, top]] of data.facets.entries()) {
    const column = Math.floor((x - left) / width), row = Math.floor((y - top) / height);
    if (column >= 0 && row >= 0 && column < data.columns.length && row < data.rows.length) {
      return { facet, row, column, place: (facet * data.rows.length + row) * data.columns.length + column };
    }
  }
  return null;
}

function lines(data, cell) {
  const { fields, status } = data, at = (field) => fields[field][cell.place];
  const name = [data.rows[cell.row], data.columns[cell.column]].filter((part) => part !== "").join(data.join);
  const shown = [name];
  const state = STATUSES[status[cell.place]];
  const isComputed = state.key === "computed";
  if (!isComputed) shown.push(state.meaning);
  if (isComputed) {
    const error = at("stderr");
    shown.push(data.quantity + " " + number(at("effect"), 4) + (Number.isNaN(error) ? "" : " ± " + number(error, 3)));
    if (fields.low && !Number.isNaN(at("low"))) {
      shown.push("95 % interval [" + number(at("low"), 3) + ", " + number(at("high"), 3) + "]");
    }
    const p = fields.p ? at("p") : NaN;
    const significance = data.significant[cell.place] ? "significant" : "not significant";
    const probability = p < 1e-30 ? "p < 1e-30" : "p " + number(p, 2);
    shown.push(Number.isNaN(p) ? "not tested" : probability + ", " + significance);
    if (fields.between && !Number.isNaN(at("between"))) shown.push("between replicates " + number(at("between"), 3));
  }
  if (state.hasEffect) {
    if (fields.value) shown.push((data.quantity === "effect" ? "patched metric " : "of patched metrics ") + number(at("value"), 4));
    if (fields.normalized) shown.push("normalized " + number(at("normalized"), 3));
    shown.push((typeof data.count === "number" ? data.count : data.count[cell.place]) + " prompts");
  }
  if (fields.estimate && !Number.isNaN(at("estimate"))) shown.push("estimated effect " + number(at("estimate"), 4));
  return shown;
}

const tip = document.createElement("div");
tip.className = "tip";
tip.setAttribute("role", "status");
tip.hidden = true;
document.body.append(tip);

function show(lines, event) {
  const name = document.createElement("b");
  name.textContent = lines[0];
  tip.replaceChildren(name, ...lines.slice(1).map((line) => {
    const div = document.createElement("div");
    div.textContent = line;
    return div;
  }));
  tip.hidden = false;
  const { width, height } = tip.getBoundingClientRect();
  const left = Math.min(event.clientX + 14, document.documentElement.clientWidth - width - 6);
  const below = event.clientY + 16;
  tip.style.left = Math.max(6, left) + "px";
  tip.style.top = (below + height > window.innerHeight ? Math.max(6, event.clientY - height - 10) : below) + "px";
}

for (const figure of document.querySelectorAll("figure.heatmap")) {
  const script = figure.querySelector("script");
  if (!script) continue;
  let data = null;
  const follow = (event) => {
    const svg = event.target.closest("svg");
    data ??= decode(script.textContent);
    const matrix = svg?.getScreenCTM();
    const point = matrix && new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix.inverse());
    const cell = point ? cellAt(data, point.x, point.y) : null;
    if (cell) show(lines(data, cell), event);
    else tip.hidden = true;
  };
  figure.addEventListener("pointermove", follow);
  figure.addEventListener("pointerdown", follow);
  figure.addEventListener("pointerleave", () => { tip.hidden = true; });
}
