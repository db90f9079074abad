import type { z } from 'zod';

/** The part of `fetch` that is used here; tests put a hub of their own in its place. */
export type Fetch = (url: string, init: { headers: Record<string, string>; signal: AbortSignal }) => Promise<Response>;

/** What a hub says of one file. A hash that it does not tell is undefined. */
export interface Told {
  bytes: number;
  sha256?: string;
}

const TIMEOUT_MS = 60_000;
const MAX_ANSWER_BYTES = 32 * 1024 * 1024;
/** Pages of one list; a hundred entries each at GitHub, a thousand at Hugging Face. */
const MAX_PAGES = 100;

/**
 * Reads a list that comes in pages, following `Link: <…>; rel="next"` on the same host only. Throws an Error that says
 * what went wrong: the status, an answer that is no such list, or one without an end.
 */
export async function askForList<Entry>(fetch: Fetch, url: string, entry: z.ZodType<Entry>): Promise<Entry[]> {
  const entries: Entry[] = [];
  let page: string | undefined = url;
  for (let count = 0; page !== undefined; count++) {
    if (count === MAX_PAGES) throw new Error(`${new URL(url).host} does not stop adding pages`);
    const { body, headers } = await askForJson(fetch, page);
    const parsed = entry.array().safeParse(body);
    if (!parsed.success) throw new Error(`${new URL(url).host} answers something else than a list of files`);
    entries.push(...parsed.data);
    page = nextPage(headers.get('link') ?? '', page);
  }
  return entries;
}

/** Reads one answer as JSON. Throws an Error with the status where there is none. */
export async function askForJson(fetch: Fetch, url: string): Promise<{ body: unknown; headers: Headers }> {
  const headers = { accept: 'application/json', 'user-agent': 'open-speech' };
  const { host } = new URL(url);
  const response = await fetch(url, { headers, signal: AbortSignal.timeout(TIMEOUT_MS) }).catch((error: Error) => {
    throw new Error(`${host} cannot be reached: ${(error.cause as Error | undefined)?.message ?? error.message}`);
  });
  if (!response.ok) {
    await response.body?.cancel();
    throw new Error(`${host} answers ${response.status}`);
  }
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of response.body ?? []) {
    size += piece.length;
    if (size > MAX_ANSWER_BYTES) throw new Error(`${host} does not stop answering`);
    pieces.push(piece);
  }
  try {
    return { body: JSON.parse(Buffer.concat(pieces).toString('utf8')), headers: response.headers };
  } catch {
    throw new Error(`${host} answers no JSON`);
  }
}

function nextPage(link: string, from: string): string | undefined {
  const next = /<([^>]+)>;\s*rel="next"/.exec(link)?.[1];
  if (next === undefined) return undefined;
  const url = new URL(next, from);
  if (url.origin !== new URL(from).origin) throw new Error(`${new URL(from).host} leads to another host`);
  return url.href;
}
