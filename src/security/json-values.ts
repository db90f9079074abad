/** More than any request, event or description of a function holds. */
export const MAX_JSON_VALUES = 100_000;

/**
 * Whether JSON holds more lists, objects and commas than that: text takes little time to read, values a lot, and while
 * they are read nobody else is served. A megabyte of brackets takes a tenth of a second, twenty take two.
 */
export function hasManyValues(json: string): boolean {
  let left = MAX_JSON_VALUES;
  for (const mark of '[{,') {
    for (let at = json.indexOf(mark); at !== -1; at = json.indexOf(mark, at + 1)) if (--left < 0) return true;
  }
  return false;
}
