import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { addToneModels } from '../../test/support/server.ts';
import { BenchClient } from './client.ts';
import { addSilero } from './silero.ts';

const MAIN = resolve(import.meta.dirname, '../../bin/open-speech.js');
const KEY = 'benchmark-Xq72mV9kd4fTz';

export interface BenchServer {
  url: string;
  key: string;
  pid: number;
  dataDir: string;
  client: BenchClient;
  /** From the start of the process until `/health` answered, in ms. */
  healthyMs: number;
  stop(): Promise<void>;
}

/** Starts the server as its users do: a process of its own. */
export async function startBenchServer(
  options: {
    env?: Record<string, string>;
    gigaflopPerSecond?: number;
    dataDir?: string;
    cpus?: string;
    silero?: boolean;
  } = {},
): Promise<BenchServer> {
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'open-speech-bench-'));
  if (options.dataDir === undefined) await addToneModels(join(dataDir, 'models'), options.gigaflopPerSecond);
  if (options.silero) addSilero(join(dataDir, 'models'));
  const port = 20_000 + Math.floor(Math.random() * 20_000);
  const env = {
    PATH: process.env.PATH,
    OS_DATA_DIR: dataDir,
    OS_PORT: String(port),
    OS_API_KEY: KEY,
    OS_RATE_LIMIT: '0',
    OS_LOG_LEVEL: 'warn',
    OS_FETCH_FIRST_MODELS: 'false',
    ...options.env,
  };
  const words = [process.execPath, MAIN, 'serve'];
  if (options.cpus !== undefined) words.unshift('taskset', '-c', options.cpus);
  const began = performance.now();
  const child: ChildProcess = spawn(words[0]!, words.slice(1), { env, stdio: ['ignore', 'ignore', 'inherit'] });
  const client = new BenchClient(`http://127.0.0.1:${port}`, KEY);
  for (;;) {
    if (child.exitCode !== null) throw new Error('the server ended');
    try {
      await client.health();
      break;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
  return {
    url: `http://127.0.0.1:${port}`,
    key: KEY,
    pid: child.pid!,
    dataDir,
    client,
    healthyMs: performance.now() - began,
    async stop() {
      client.close();
      child.kill();
      if (child.exitCode === null) await once(child, 'exit');
      if (options.dataDir === undefined) rmSync(dataDir, { recursive: true, force: true });
    },
  };
}
