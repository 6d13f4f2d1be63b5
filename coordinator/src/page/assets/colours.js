// From effects to colours.

/** Cells that are not on the scale of effects look as in the report: what they are filled and marked with. */
export const MARKED = {
  noop: { fill: "#e2e2e2", ink: "#9a9a9a" },
  pending: { fill: "#ffefb8", ink: "#b08900" },
  failed: { fill: "#4a4a4a", ink: "#ffffff" },
  notFinite: { fill: "#9678a0", ink: "#ffffff" },
};

/** A function from an effect to a colour: `stops` lie evenly from `-range` to `range`. */
export function scale(stops, range) {
  const parsed = stops.map((stop) => [1, 3, 5].map((at) => parseInt(stop.slice(at, at + 2), 16)));
  return (effect) => {
    const share = Math.min(1, Math.max(0, (effect / range + 1) / 2)) * (parsed.length - 1);
    const low = Math.min(Math.floor(share), parsed.length - 2);
    const mixed = parsed[low].map((value, channel) => value + (parsed[low + 1][channel] - value) * (share - low));
    return `rgb(${mixed.map(Math.round).join(" ")})`;
  };
}
