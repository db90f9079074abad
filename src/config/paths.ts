import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';

/** Makes a written path absolute: `~/` is the home folder, anything relative starts at the working folder. */
export function absolutePath(written: string): string {
  if (written === '~' || written.startsWith('~/')) return join(homedir(), written.slice(1));
  return resolve(written);
}

/** `$XDG_DATA_HOME/open-speech`, else `~/.local/share/open-speech`. A relative variable is ignored (XDG base directories 0.8). */
export function defaultDataDir(env: Readonly<Record<string, string | undefined>>): string {
  const base = env.XDG_DATA_HOME;
  return base && isAbsolute(base) ? join(base, 'open-speech') : join(homedir(), '.local', 'share', 'open-speech');
}
