// The page's only way to make elements. Text goes in as text, never as HTML: names come from users.

/** An element with properties and children; `text` is its text, `data` its data attributes. */
export function make(tag, { text, data, ...properties } = {}, ...children) {
  const element = document.createElement(tag);
  Object.assign(element, properties);
  Object.assign(element.dataset, data);
  if (text !== undefined) element.textContent = text;
  element.append(...children);
  return element;
}

/** The child of a section that `index.html` marks with `data-part`. */
export function part(section, name) {
  return section.querySelector(`[data-part="${name}"]`);
}

/** Sets a text only where it changes, so that a selection survives. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Shows a text, or nothing where there is none. */
export function writeOrHide(element, text) {
  element.hidden = !text;
  write(element, text ?? "");
}

/**
 * Makes the children of `parent` those of `items`, in order. A child whose key stays is kept, and with it focus and
 * selection.
 */
export function match(parent, items, key, create, update) {
  const old = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  const times = new Map();
  items.forEach((item, place) => {
    const name = unique(key(item), times);
    let child = old.get(name);
    if (child) {
      old.delete(name);
    } else {
      child = create(item);
      child.dataset.key = name;
    }
    if (parent.children[place] !== child) parent.insertBefore(child, parent.children[place] ?? null);
    update(child, item);
  });
  old.forEach((child) => child.remove());
}

/** Equal keys differ by how often they came before. */
function unique(key, times) {
  const before = times.get(key) ?? 0;
  times.set(key, before + 1);
  return `${before} ${key}`;
}

/** A table's row with a label for each cell, which narrow screens show. */
export function row(labels) {
  return make("tr", {}, ...labels.map((label) => make("td", { data: { label } })));
}
