// What the page asks the coordinator.

const PATIENCE_MS = 15000;

/** The coordinator did not answer, or could not. */
export class Lost extends Error {}

/** The coordinator answered that there is no such thing, or that it is too much for a page. */
export class Refused extends Error {}

/** The JSON behind a path. */
export async function get(path) {
  let response;
  let body;
  try {
    response = await fetch(path, { signal: AbortSignal.timeout(PATIENCE_MS) });
    body = await response.json();
  } catch (cause) {
    throw new Lost("no answer", { cause });
  }
  if (response.status >= 500) throw new Lost(body.error);
  if (!response.ok) throw new Refused(body.error);
  return body;
}
