// Numbers, times and sizes for people.

const MINUS = "\u2212";

/** A number with some significant digits. */
export function number(value, digits = 3) {
  if (value === null || value === undefined) return "none";
  if (value === 0) return "0";
  const size = Math.abs(value);
  const text = size < 1e-4 || size >= 1e6 ? value.toExponential(digits - 1) : trimmed(value.toPrecision(digits));
  return text.replaceAll("-", MINUS);
}

function trimmed(text) {
  if (text.includes("e")) return String(Number(text));
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

/** A mean with its standard error, which decides how many digits mean anything. */
export function meanAndError(mean, error) {
  if (mean === null) return "no score";
  if (!error) return number(mean, 4);
  const places = Math.min(8, Math.max(0, 1 - Math.floor(Math.log10(error))));
  const fixed = (value) => value.toFixed(places).replace("-", MINUS);
  return `${fixed(mean)} \u00b1 ${fixed(error)}`;
}

/** Multiply-adds, cells: 1.2 G. */
export function count(value) {
  const units = ["", " k", " M", " G", " T", " P", " E"];
  let unit = 0;
  let rest = value;
  while (rest >= 999.5 && unit < units.length - 1) {
    rest /= 1000;
    unit += 1;
  }
  return unit === 0 ? String(value) : `${Number(rest.toPrecision(3))}${units[unit]}`;
}

/** Bytes, in powers of 1024. */
export function bytes(value) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  let rest = value;
  while (rest >= 1000 && unit < units.length - 1) {
    rest /= 1024;
    unit += 1;
  }
  return `${Number(rest.toPrecision(3))} ${units[unit]}`;
}

/** A length of time, with at most two units. */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "unknown";
  const whole = Math.round(seconds);
  if (whole < 1) return "0 s";
  const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  const first = units.findIndex(([, size]) => whole >= size);
  const [[name, size], smaller] = [units[first], units[first + 1]];
  const rest = smaller ? Math.floor((whole % size) / smaller[1]) : 0;
  return `${Math.floor(whole / size)} ${name}${rest ? ` ${rest} ${smaller[0]}` : ""}`;
}

/** A moment, in the reader's time zone. */
export function moment(unixSeconds) {
  return new Date(unixSeconds * 1000).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}

/** Done work in hundredths; never 100 before all is done. */
export function percent(done, total) {
  if (total === 0 || done >= total) return 100;
  return Math.min(99, Math.floor((100 * done) / total));
}
