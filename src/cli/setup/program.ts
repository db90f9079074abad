import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { stripVTControlCharacters } from 'node:util';

export interface Ended {
  ok: boolean;
  stdout: string;
  /** The last line on stderr that says something, or what ended it. */
  reason: string;
}

const KEPT = 64 * 1024;

export interface ProgramOptions {
  timeoutMs: number;
  signal: AbortSignal;
  cwd?: string;
}

/** Runs another program to its end. It gets no input, and the time it may take is limited. Throws only when the signal fires. */
export async function runProgram(
  [program, ...args]: readonly string[],
  { timeoutMs, signal, cwd }: ProgramOptions,
): Promise<Ended> {
  const child = spawn(program!, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' },
    timeout: timeoutMs,
    signal,
    ...(cwd === undefined ? {} : { cwd }),
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (data: Buffer) => {
    stdout = (stdout + data.toString()).slice(-KEPT);
  });
  child.stderr.on('data', (data: Buffer) => {
    stderr = (stderr + data.toString()).slice(-KEPT);
  });
  try {
    const [code, ended] = (await once(child, 'close')) as [number | null, string | null];
    const said = lastWords(stderr);
    return { ok: code === 0, stdout, reason: ended === 'SIGTERM' ? 'it took too long' : said || `status ${code}` };
  } catch (error) {
    signal.throwIfAborted();
    return { ok: false, stdout, reason: (error as Error).message };
  }
}

/** Not the rest of a stack, which is indented, and no lone bracket. */
function lastWords(stderr: string): string | undefined {
  const lines = stripVTControlCharacters(stderr).split('\n');
  return lines.findLast((line) => /^\S.*\w/.test(line))?.trim();
}
