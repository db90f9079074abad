import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Probed {
  /** Of JavaScript, with the buffers it holds, after a collection. */
  heapBytes: number;
  residentBytes: number;
  /** What the event loop has to look after: sockets, timers, pipes. */
  handles: number;
}

/** Asks a server process how much it holds when its garbage is collected. The server has to be started with `env`. */
export class HeapProbe {
  readonly env: Record<string, string>;
  #folder = mkdtempSync(join(tmpdir(), 'open-speech-bench-'));
  #file = join(this.#folder, 'probe.json');

  constructor() {
    const preload = new URL('./heap-probe.child.ts', import.meta.url).href;
    this.env = { NODE_OPTIONS: `--import=${preload}`, BENCH_PROBE_FILE: this.#file };
  }

  async read(pid: number): Promise<Probed> {
    rmSync(this.#file, { force: true });
    process.kill(pid, 'SIGUSR2');
    for (;;) {
      await sleep(50);
      const text = existsSync(this.#file) ? readFileSync(this.#file, 'utf8') : '';
      if (text.endsWith('}')) return JSON.parse(text) as Probed;
    }
  }

  close(): void {
    rmSync(this.#folder, { recursive: true });
  }
}
