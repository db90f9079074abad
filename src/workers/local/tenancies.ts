import type { SpeechError } from '../../errors.ts';
import type { PoolEvent, PoolProcess } from './pool.machine.ts';
import type { Residency, Seat } from './residency.ts';

export interface TenanciesOptions {
  model: string;
  /** Gives room to processes. */
  residency: Residency;
  /** What a process that holds the model will take, as far as that is known before one has. */
  expectedBytes: () => number;
  /** What a process takes now; 0 where nobody has looked yet. */
  memoryBytes: (process: number) => number;
  /** Tells the pool what has become of its wish for room. */
  dispatch: (event: PoolEvent) => void;
}

interface Tenancy {
  seat: Seat;
  /** What the seat was last told. */
  phase: 'asking' | 'loading' | 'loaded' | 'leaving';
  busy: boolean;
  /** By the machine's clock; 0 before. */
  readyAt: number;
}

/** Until a process has been looked at after it was loaded, it counts as what was expected of it, in ms. */
const MEASURED_AFTER_MS = 1500;

/** The room of one pool's processes: asks for it, and tells whoever gives it what has become of them. */
export class Tenancies {
  /** Why the last process that asked got no room. */
  denial: SpeechError | undefined;
  #options: TenanciesOptions;
  #tenancies = new Map<number, Tenancy>();

  constructor(options: TenanciesOptions) {
    this.#options = options;
  }

  /** Asks for the room of a process. The answer is an event, which may come before this returns. */
  ask(process: number, more: boolean): void {
    const { model, residency, expectedBytes, memoryBytes, dispatch } = this.#options;
    const tenancy: Tenancy = {
      ...{ phase: 'asking', busy: false, readyAt: 0 },
      seat: residency.seat({
        model,
        expectedBytes: expectedBytes(),
        measure: () => {
          const fresh = tenancy.readyAt > 0 && performance.now() - tenancy.readyAt > MEASURED_AFTER_MS;
          return (fresh && memoryBytes(process)) || undefined;
        },
        granted: () => {
          tenancy.phase = 'loading';
          dispatch({ type: 'granted', process });
        },
        denied: (error) => {
          this.#tenancies.delete(process);
          this.denial = error;
          dispatch({ type: 'denied', process, reason: error.message });
        },
        evict: () => dispatch({ type: 'evict', process }),
        room: () => dispatch({ type: 'room' }),
      }),
    };
    this.#tenancies.set(process, tenancy);
    this.denial = undefined;
    tenancy.seat.ask(more);
  }

  /** Tells what has become of the processes that the pool has now. */
  tell(processes: () => readonly PoolProcess[]): void {
    for (const [id, tenancy] of [...this.#tenancies]) {
      // Looked up anew each time: whoever is told may act on the pool at once.
      const process = processes().find((each) => each.id === id);
      if (process === undefined || tenancy.phase === 'leaving') continue;
      const busy = process.busy > 0;
      if (process.phase === 'closing' || process.phase === 'ending') {
        tenancy.phase = 'leaving';
        tenancy.seat.leaving();
      } else if (process.phase === 'ready' && tenancy.phase === 'loading') {
        tenancy.phase = 'loaded';
        tenancy.busy = busy;
        tenancy.readyAt = performance.now();
        tenancy.seat.loaded(busy);
      } else if (process.phase === 'ready' && tenancy.busy !== busy) {
        tenancy.busy = busy;
        tenancy.seat.use(busy);
      }
    }
  }

  /** Gives back the room of a process that is gone or not wanted any longer. */
  vacate(process: number): void {
    const tenancy = this.#tenancies.get(process);
    this.#tenancies.delete(process);
    tenancy?.seat.gone();
  }

  /** Gives back the room of every process that has not been started: its end would never tell of it. */
  vacateAllBut(started: (process: number) => boolean): void {
    for (const id of [...this.#tenancies.keys()]) if (!started(id)) this.vacate(id);
  }
}
