/**
 * The API key lives in sessionStorage: it survives a reload, belongs to this tab alone, and is gone when the tab
 * closes. It never enters a URL, localStorage, a cookie or the console. Where the browser forbids storage the key
 * lasts until the page is left.
 */
const NAME = 'open-speech.key';
let fallback: string | null = null;

export function storedKey(): string | null {
  try {
    return sessionStorage.getItem(NAME);
  } catch {
    return fallback;
  }
}

export function storeKey(key: string | null): void {
  fallback = key;
  try {
    if (key === null) sessionStorage.removeItem(NAME);
    else sessionStorage.setItem(NAME, key);
  } catch {
    // The fallback holds it.
  }
}

/** A key as it can stand in a header: printable ASCII without blanks (RFC 6750 §2.1 allows even less). */
export function looksLikeKey(text: string): boolean {
  return /^[\x21-\x7e]{1,512}$/.test(text);
}
