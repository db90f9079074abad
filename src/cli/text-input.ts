import { createReadStream } from 'node:fs';
import { UsageError } from './command.ts';

/** What the highest limit for text, a million characters, can take in UTF-8. */
const MAX_BYTES = 4_000_000;

/**
 * The text to work with: the words of the command line, or a file, or stdin (`-` for either, and a pipe where nothing
 * else is given). Throws UsageError where there is none, an Error for a file that is no UTF-8 text or too large.
 */
export async function readText(
  words: readonly string[],
  file: string | undefined,
  signal: AbortSignal,
): Promise<string> {
  if (words.length > 0 && !(words.length === 1 && words[0] === '-')) {
    if (file !== undefined) throw new UsageError('give the text or --input-file, not both');
    return words.join(' ');
  }
  if (file === undefined && process.stdin.isTTY) throw new UsageError('there is no text to speak; see --help');
  const fromStdin = file === undefined || file === '-';
  const name = fromStdin ? 'stdin' : file;
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of fromStdin ? process.stdin : createReadStream(file, { signal })) {
    signal.throwIfAborted();
    bytes += chunk.length;
    if (bytes > MAX_BYTES) throw new Error(`${name} is larger than any text that can be spoken at once`);
    chunks.push(chunk as Buffer);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
  } catch {
    throw new Error(`${name} is not text in UTF-8`);
  }
}
