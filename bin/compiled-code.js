import { lstatSync, mkdirSync } from 'node:fs';
import * as module from 'node:module';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/**
 * Lets Node keep the code it compiles for the next start, which then takes less time and memory. It lies in systemd's
 * `$CACHE_DIRECTORY`, in `$XDG_CACHE_HOME` or in `~/.cache`; `$NODE_COMPILE_CACHE` overrides. Node runs kept code
 * without looking at it, so a folder that somebody else could write to is not used; without a folder it only takes
 * longer.
 */
export function keepCompiledCode(env = process.env) {
  if (env.NODE_COMPILE_CACHE !== undefined) return;
  const bases = [env.CACHE_DIRECTORY, env.XDG_CACHE_HOME, join(homedir(), '.cache')];
  const folder = join(
    bases.find((base) => base && isAbsolute(base)),
    'open-speech',
  );
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const stats = lstatSync(folder);
    const user = process.getuid?.();
    if (stats.isDirectory() && (user === undefined || (stats.uid === user && (stats.mode & 0o022) === 0))) {
      module.enableCompileCache(join(folder, 'compiled'));
    }
  } catch {
    // No home, or one that cannot be written to.
  }
}
