import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';

export const root = resolve(import.meta.dirname, '../..');

export interface Outcome {
  /** The exit status, or the signal's name. */
  status: number | string | null;
  stdout: Buffer;
  stderr: string;
}

export interface RunningCommand {
  child: ChildProcess;
  outcome: Promise<Outcome>;
  /** What it has written to stdout so far. */
  stdout: () => string;
}

export interface CommandOptions {
  /** The whole environment besides PATH. */
  env: Record<string, string>;
  stdin?: string | Buffer;
  cwd?: string;
  /** Default: the command line itself in this Node. */
  program?: readonly string[];
}

/** Starts the real command line as a process of its own. */
export function startCommand(args: readonly string[], { env, stdin, cwd, program }: CommandOptions): RunningCommand {
  const [file, ...words] = program ?? [process.execPath, resolve(root, 'bin/open-speech.js')];
  const child = spawn(file!, [...words, ...args], {
    // No test asks a hub.
    env: { PATH: process.env.PATH, OS_FETCH_FIRST_MODELS: 'false', ...env },
    stdio: [stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    ...(cwd === undefined ? {} : { cwd }),
  });
  // A command that does not read its input to the end is no failure of the test.
  child.stdin?.on('error', () => {}).end(stdin);
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout!.on('data', (data: Buffer) => out.push(data));
  child.stderr!.on('data', (data: Buffer) => err.push(data));
  const outcome = new Promise<Outcome>((done, fail) => {
    child.on('error', fail);
    child.on('close', (code, signal) =>
      done({ status: code ?? signal, stdout: Buffer.concat(out), stderr: Buffer.concat(err).toString() }),
    );
  });
  return { child, outcome, stdout: () => Buffer.concat(out).toString() };
}

/** Runs the real command line to its end. */
export function runCommand(args: readonly string[], options: CommandOptions): Promise<Outcome> {
  return startCommand(args, options).outcome;
}

/** Processes below one, by their numbers. Linux only. */
export function descendants(pid: number): number[] {
  const parents = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => [Number(name), parentOf(name)] as const);
  const below = (of: number): number[] =>
    parents.filter(([, parent]) => parent === of).flatMap(([child]) => [child, ...below(child)]);
  return below(pid);
}

function parentOf(pid: string): number {
  try {
    // The name in brackets may hold anything, brackets too.
    return Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ')[1]);
  } catch {
    return 0;
  }
}
