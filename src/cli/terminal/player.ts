import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findProgram } from './find-program.ts';
import { FileTarget, type Target } from './target.ts';

interface PlayerProgram {
  program: string;
  /** Bare samples of 24 kHz, 16 bit, mono, or WAV. */
  format: 'pcm' | 'wav';
  args: readonly string[];
  /** It plays files only, whose path comes last. */
  file?: true;
}

/** Programs that play sound, the system's own first. */
const PLAYERS: readonly PlayerProgram[] = [
  { program: 'paplay', format: 'pcm', args: ['--raw', '--format=s16le', '--rate=24000', '--channels=1'] },
  { program: 'aplay', format: 'pcm', args: ['-q', '-t', 'raw', '-f', 'S16_LE', '-r', '24000', '-c', '1', '-'] },
  { program: 'afplay', format: 'wav', args: [], file: true },
  { program: 'ffplay', format: 'wav', args: ['-nodisp', '-autoexit', '-loglevel', 'error', '-i', 'pipe:0'] },
];

export interface Player extends Target {
  format: 'pcm' | 'wav';
}

/** Plays sound while it comes, with the first program that this machine has. Throws an Error where it has none. */
export function openPlayer(): Player {
  const found = PLAYERS.find(({ program }) => findProgram(program) !== undefined);
  if (found === undefined) {
    const names = PLAYERS.map(({ program }) => program).join(', ');
    throw new Error(`there is no program to play sound with (${names}): write a file with -o`);
  }
  return found.file ? filePlayer(found) : streamPlayer(found);
}

function streamPlayer({ program, args, format }: PlayerProgram): Player {
  let running: { child: ChildProcess; ended: Promise<void> } | undefined;
  const start = (): { child: ChildProcess; ended: Promise<void> } => {
    const child = spawn(program, args, { stdio: ['pipe', 'ignore', 'pipe'] });
    // Its end says more about a failure than a broken pipe does.
    child.stdin.on('error', () => {});
    const ended = endOf(child, program);
    ended.catch(() => {});
    return { child, ended };
  };
  return {
    format,
    async write(data) {
      running ??= start();
      const { child, ended } = running;
      if (child.stdin!.destroyed) await ended;
      if (!child.stdin!.write(data)) await Promise.race([once(child.stdin!, 'drain').catch(() => ended), ended]);
    },
    async finish() {
      if (running === undefined) return;
      running.child.stdin!.end();
      await running.ended;
    },
    async abandon() {
      running?.child.kill();
    },
  };
}

function filePlayer({ program, args, format }: PlayerProgram): Player {
  let file: FileTarget | undefined;
  let folder: string | undefined;
  let child: ChildProcess | undefined;
  const abandon = async (): Promise<void> => {
    child?.kill();
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  };
  return {
    format,
    async write(data) {
      folder ??= await mkdtemp(join(tmpdir(), 'open-speech-'));
      file ??= new FileTarget(join(folder, 'speech.wav'));
      await file.write(data);
    },
    async finish() {
      try {
        await file?.finish();
        if (file === undefined) return;
        child = spawn(program, [...args, file.path], { stdio: ['ignore', 'ignore', 'pipe'] });
        await endOf(child, program);
      } finally {
        await abandon();
      }
    },
    abandon,
  };
}

async function endOf(child: ChildProcess, program: string): Promise<void> {
  let said = '';
  child.stderr!.on('data', (data: Buffer) => {
    said = (said + data.toString()).slice(-500);
  });
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`${program} could not play the speech: ${said.trim().split('\n').at(-1)}`);
}
