import { totalmem } from 'node:os';
import type { Settings } from '../../config/kinds.ts';
import { SpeechError } from '../../errors.ts';
import type { Log } from '../../telemetry/log.ts';
import {
  newResidency,
  nextTick,
  type ResidencyEffect,
  type ResidencyEvent,
  type ResidencyState,
  step,
} from './residency.machine.ts';

export interface ResidencyOptions {
  /** Resident memory that all engine processes together may take. */
  maxBytes: number;
  /** Models in memory at the same time; 0 for any number. */
  maxModels: number;
  /** How long a load waits for room. */
  waitMs: number;
  log: Pick<Log, 'info'>;
}

/** One engine process as whoever gives it room sees it. */
export interface Tenant {
  model: string;
  /** What it will take, as far as anybody knows before it runs. */
  expectedBytes: number;
  /** What it takes; undefined while that cannot be told. */
  measure: () => number | undefined;
  granted: () => void;
  denied: (error: SpeechError) => void;
  /** It is idle and somebody else needs its room. */
  evict: () => void;
  /** Asking for more may help again. Called a little later. */
  room: () => void;
}

/** Of the machine's memory, where no setting says how much models may take. */
const SHARE = 0.7;
/** A full machine may have room again when the next call has ended. */
const RETRY_AFTER_MS = 5000;

/** What models may take on this machine in bytes: the setting (in MB), else a share of the memory that we may use. */
export function memoryBudget({ modelMemory }: Pick<Settings, 'modelMemory'>): number {
  if (modelMemory > 0) return modelMemory * 1024 * 1024;
  // In a container: its bound. Without one Node tells 0, or a number beyond all memory.
  const bound = process.constrainedMemory();
  return Math.floor(SHARE * (bound > 0 ? Math.min(bound, totalmem()) : totalmem()));
}

/** Hands out the memory of this machine to engine processes: runs what `residency.machine.ts` decides. */
export class Residency {
  #options: ResidencyOptions;
  #state: ResidencyState;
  #tenants = new Map<number, Tenant>();
  /** What a process of a model took when it was last looked at: better than any estimate for the next one. */
  #known = new Map<string, number>();
  #lastSeat = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: ResidencyOptions) {
    this.#options = options;
    this.#state = newResidency({
      maxBytes: options.maxBytes,
      maxModels: options.maxModels === 0 ? Number.POSITIVE_INFINITY : options.maxModels,
      waitMs: options.waitMs,
    });
  }

  seat(tenant: Tenant): Seat {
    const id = ++this.#lastSeat;
    this.#tenants.set(id, tenant);
    const send = (event: ResidencyEvent): void => this.#dispatch(event);
    return {
      ask: (more) => {
        // What was once let in is not locked out for having grown: then it gets all there is.
        const known = this.#known.get(tenant.model);
        const bytes = known === undefined ? tenant.expectedBytes : Math.min(known, this.#options.maxBytes);
        this.#measure();
        send({ type: 'ask', seat: id, model: tenant.model, bytes, more });
      },
      loaded: (busy) => send({ type: 'loaded', seat: id, busy }),
      use: (busy) => {
        send({ type: 'use', seat: id, busy });
        this.#measure(id);
      },
      leaving: () => {
        this.#measure(id);
        send({ type: 'leaving', seat: id });
      },
      gone: () => {
        this.#tenants.delete(id);
        send({ type: 'gone', seat: id });
      },
    };
  }

  /** A pinned model is never made to go. */
  pin(model: string, pinned: boolean): void {
    this.#dispatch({ type: 'pin', model, pinned });
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  /** Looks what processes really take: one, or all of them. */
  #measure(only?: number): void {
    for (const { id, model, phase, bytes } of this.#state.seats) {
      if ((only !== undefined && id !== only) || phase !== 'loaded') continue;
      const measured = this.#tenants.get(id)?.measure();
      if (measured === undefined || measured === bytes) continue;
      this.#known.set(model, measured);
      this.#dispatch({ type: 'measured', seat: id, bytes: measured });
    }
  }

  #dispatch(event: ResidencyEvent): void {
    const { state, effects } = step(this.#state, event, performance.now());
    this.#state = state;
    for (const effect of effects) this.#perform(effect);
    this.#schedule();
  }

  #perform(effect: ResidencyEffect): void {
    if (effect.type === 'room') {
      queueMicrotask(() => {
        for (const tenant of [...this.#tenants.values()]) tenant.room();
      });
      return;
    }
    const tenant = this.#tenants.get(effect.seat);
    if (tenant === undefined) return;
    switch (effect.type) {
      case 'grant':
        tenant.granted();
        return;
      case 'evict':
        this.#options.log.info('A model makes way for another', { model: tenant.model });
        tenant.evict();
        return;
      case 'refuse':
        this.#tenants.delete(effect.seat);
        tenant.denied(effect.why === 'full' ? this.#full(tenant) : this.#tooLarge(tenant));
    }
  }

  #full({ model }: Tenant): SpeechError {
    return new SpeechError(
      'overloaded',
      `There is no room in memory for the model ${model} at the moment: all models there are in use or pinned.`,
      { param: 'model', retryAfterMs: RETRY_AFTER_MS },
    );
  }

  #tooLarge({ model, expectedBytes }: Tenant): SpeechError {
    const needs = inMegabytes(expectedBytes);
    const has = inMegabytes(this.#options.maxBytes);
    return new SpeechError(
      'model_unavailable',
      `The model ${model} needs about ${needs} MB of memory, and models may take ${has} MB here (OS_MODEL_MEMORY).`,
      { param: 'model' },
    );
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    const at = nextTick(this.#state);
    if (at === undefined) return;
    this.#timer = setTimeout(() => this.#dispatch({ type: 'tick' }), Math.max(1, Math.ceil(at - performance.now())));
    this.#timer.unref();
  }
}

/** The room of one engine process. */
export interface Seat {
  /** Asks for room; the tenant hears of it, maybe before this returns. `more`: the model has a process already. */
  ask: (more: boolean) => void;
  loaded: (busy: boolean) => void;
  use: (busy: boolean) => void;
  /** Its process was told to end. */
  leaving: () => void;
  /** Its process is gone, or is not wanted any longer. */
  gone: () => void;
}

function inMegabytes(bytes: number): number {
  return Math.ceil(bytes / 2 ** 20);
}
