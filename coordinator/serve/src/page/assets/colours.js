// From effects to colours.

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
