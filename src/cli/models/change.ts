import type { Settings } from '../../config/kinds.ts';
import { MODEL_GROUPS } from '../../models/shipped.ts';
import type { ServerAddress } from '../backend/http.ts';
import { cancelPull, type ModelShop, openModelShop, type PullProgress } from '../backend/model-shop.ts';
import { tellOwnServer } from '../backend/own-server.ts';
import { explain } from '../explain.ts';
import type { ModelsOptions } from '../models.ts';
import { interruptible } from '../terminal/interrupt.ts';
import { printJson, size } from '../terminal/output.ts';
import { showProgress } from '../terminal/progress.ts';

/** What became of one model that a command was asked about. */
export interface Result {
  model: string;
  state: 'ready' | 'cancelled' | 'deleted' | 'loaded' | 'unloaded' | 'pinned' | 'unpinned' | 'failed';
  error?: string;
  /** What it still needs before it can be used, and what gets that. */
  lacks?: string;
}

/** `models pull`: one after the other; one that does not come does not stop the others. */
export async function pull(
  words: readonly string[],
  server: ServerAddress | undefined,
  settings: Settings,
  options: ModelsOptions,
): Promise<number> {
  const names = words.flatMap((word) => MODEL_GROUPS.get(word) ?? [word]);
  return await withShop(server, settings, (shop) =>
    interruptible(async (signal) => {
      const consent = {
        allowSingleSource: options['allow-single-source'] ?? false,
        acceptLicence: options['accept-licence'] ?? false,
      };
      return await forEach('pull', names, options, signal, async (name) => {
        let latest: PullProgress | undefined;
        let lacks: string | undefined;
        const progress = showProgress(() => progressLine(name, latest));
        const onAbort = (): void => {
          progress.end();
          if (latest !== undefined) process.stderr.write(goesOn(name, server));
        };
        signal.addEventListener('abort', onAbort);
        const onProgress = (now: PullProgress): void => {
          latest = now;
        };
        try {
          lacks = await shop.pull(name, { ...consent, signal, onProgress });
        } finally {
          signal.removeEventListener('abort', onAbort);
          progress.end();
        }
        return lacks === undefined ? { model: name, state: 'ready' } : { model: name, state: 'ready', lacks };
      });
    }),
  );
}

/** What becomes of a download that was waited for until Ctrl+C. */
function goesOn(name: string, server: ServerAddress | undefined): string {
  return server === undefined
    ? `${name}: what has come is kept; the next pull goes on from there\n`
    : `${name}: ${server.url} goes on fetching it; to end that: open-speech models cancel ${name}\n`;
}

/** `models cancel`: ends what a server fetches, whoever asked for it. */
export async function cancel(
  names: readonly string[],
  server: ServerAddress | undefined,
  settings: Settings,
  options: ModelsOptions,
): Promise<number> {
  if (server === undefined) {
    throw new Error('no server runs here that fetches models; a pull that works without one ends with Ctrl+C');
  }
  return await interruptible((signal) =>
    forEach('cancel', names, options, signal, async (name) => ({
      model: await cancelPull(name, server, settings, signal),
      state: 'cancelled',
    })),
  );
}

/** `models rm` */
export async function remove(
  names: readonly string[],
  server: ServerAddress | undefined,
  settings: Settings,
  options: ModelsOptions,
): Promise<number> {
  return await withShop(server, settings, (shop) =>
    interruptible((signal) =>
      forEach('rm', names, options, signal, async (name) => ({ model: await shop.remove(name), state: 'deleted' })),
    ),
  );
}

/** Where the work was done in the folder itself, a server that runs there is told afterwards. */
async function withShop(
  server: ServerAddress | undefined,
  settings: Settings,
  work: (shop: ModelShop) => Promise<number>,
): Promise<number> {
  const shop = await openModelShop(server, settings);
  try {
    return await work(shop);
  } finally {
    await shop.close();
    const told = server === undefined ? await tellOwnServer(settings) : undefined;
    if (told !== undefined) process.stderr.write(`${told}\n`);
  }
}

/** Does the same to models one after the other, and says what became of each; 1 where one failed. */
export async function forEach(
  action: string,
  names: readonly string[],
  { json }: ModelsOptions,
  signal: AbortSignal,
  work: (name: string) => Promise<Result>,
): Promise<number> {
  const results: Result[] = [];
  for (const name of names) {
    try {
      const result = await work(name);
      results.push(result);
      if (!json) process.stdout.write(`${result.model}: ${result.state}\n`);
      if (result.lacks !== undefined) process.stderr.write(`${result.model} cannot be used yet: ${result.lacks}\n`);
    } catch (error) {
      signal.throwIfAborted();
      const { message = 'failed' } = explain(error);
      results.push({ model: name, state: 'failed', error: message });
      process.stderr.write(`open-speech models ${action}: ${name}: ${message}\n`);
    }
  }
  if (json) printJson(results);
  return results.some(({ state }) => state === 'failed') ? 1 : 0;
}

const BAR = 10;

/** `kitten-nano: downloading [####------] 39 %, 12.1 MB of 30.9 MB, 5.2 MB/s` */
export function progressLine(name: string, progress: PullProgress | undefined): string {
  if (progress === undefined || progress.total === 0) return `${name}: ${progress?.state ?? 'asking for it'}`;
  const { state, bytes, total, rate } = progress;
  const speed = rate > 0 ? `, ${size(rate)}/s` : '';
  const done = Math.min(1, bytes / total);
  const bar = '#'.repeat(Math.round(BAR * done)).padEnd(BAR, '-');
  return `${name}: ${state} [${bar}] ${Math.floor(100 * done)} %, ${size(bytes)} of ${size(total)}${speed}`;
}
