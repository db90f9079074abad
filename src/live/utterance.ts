import type { CatalogModel } from '../models/catalog.ts';
import type { ListeningEvent } from './contract.ts';
import { HEARING_RATE } from './intake.ts';
import { Partials } from './partials.ts';

/** How utterances are heard, as it was when they began. */
export interface HearingOptions {
  model: CatalogModel;
  language: string | undefined;
  prompt: string | undefined;
  words: boolean;
  alternatives: number | undefined;
  partials: boolean;
}

/** One utterance of a session: a stretch of its tape, and what becomes of it. Positions are samples at 16 000 Hz. */
export class Utterance {
  readonly number: number;
  readonly from: number;
  readonly options: HearingOptions;
  /** Ends the work on it. */
  readonly stop = new AbortController();
  readonly partials = new Partials();
  /** Set once it is over. */
  to: number | undefined;
  continues = false;
  /** Nobody has spoken in it yet. */
  silent = false;
  /** What it ended with, until all earlier ones have been told; `forgotten` where nothing more is to be told. */
  outcome: ListeningEvent | 'forgotten' | undefined;
  #grown = Promise.withResolvers<void>();

  constructor(number: number, from: number, options: HearingOptions) {
    this.number = number;
    this.from = from;
    this.options = options;
  }

  get model(): string {
    return this.options.model.manifest.id;
  }

  get fromMs(): number {
    return toMs(this.from);
  }

  /** Resolves when there is more audio, or no more will come. */
  get grown(): Promise<void> {
    return this.#grown.promise;
  }

  /** Its audio grew, or it is over. */
  tellGrown(): void {
    this.#grown.resolve();
    this.#grown = Promise.withResolvers();
  }
}

export function toMs(samples: number): number {
  return (samples * 1000) / HEARING_RATE;
}

export function toSamples(ms: number): number {
  return Math.round((ms * HEARING_RATE) / 1000);
}
