import { Store } from '../lib/store.ts';
import { LiveSource } from './liveSource.ts';

export interface PlayerState {
  /** There is something to play. */
  loaded: boolean;
  playing: boolean;
  /** Seconds. */
  position: number;
  /** Seconds; not finite while it is unknown. */
  duration: number;
  /** Why it cannot be played, for people. */
  problem: string | null;
}

const SILENT: PlayerState = { loaded: false, playing: false, position: 0, duration: Number.NaN, problem: null };

/** One audio element and its state. It belongs to no component, so that audio goes on while pages change. */
export class AudioPlayer extends Store<PlayerState> {
  readonly #element = new Audio();
  #url: string | null = null;
  #live: LiveSource | null = null;
  /** The complete recording behind a live source: what it becomes for seeking and playing again. */
  #whole: Blob | null = null;
  #onSound: (() => void) | null = null;

  constructor() {
    super(SILENT);
    const element = this.#element;
    const follow = (): void => {
      const { paused, ended, currentTime, duration } = element;
      this.update({ playing: !paused && !ended, position: currentTime, duration });
    };
    for (const name of ['play', 'pause', 'ended', 'timeupdate', 'seeked', 'durationchange', 'emptied'] as const) {
      element.addEventListener(name, follow);
    }
    element.addEventListener('playing', () => {
      this.#onSound?.();
      this.#onSound = null;
    });
    element.addEventListener('error', () => {
      if (this.#url === null) return;
      this.update({ problem: 'This browser cannot play this kind of audio. It can still be saved.' });
    });
  }

  /** Replaces what was loaded. Nothing plays until `play` is called. */
  load(audio: Blob): void {
    this.clear();
    this.#open(URL.createObjectURL(audio));
  }

  /** Replaces what was loaded with audio that is still being made, and plays it from the first sound on. */
  loadLive(type: string, onSound: () => void): LiveSource {
    this.clear();
    const live = new LiveSource(type);
    this.#live = live;
    this.#open(live.url);
    this.#onSound = onSound;
    void this.play();
    return live;
  }

  /** The live audio is complete. */
  completeLive(whole: Blob): void {
    this.#whole = whole;
    if (this.#live?.overflowed) this.#switchToWhole(this.#element.currentTime, this.state.playing);
    else this.#live?.end();
  }

  async play(onSound?: () => void): Promise<void> {
    if (onSound !== undefined) this.#onSound = onSound;
    if (this.#element.ended) this.#switchToWhole(0, false);
    try {
      await this.#element.play();
    } catch (thrown) {
      // AbortError: something else was loaded meanwhile. NotAllowedError: the browser wants a press on Play first.
      // Audio that cannot be decoded raises the error event as well.
      if (!(thrown instanceof DOMException)) throw thrown;
    }
  }

  pause(): void {
    this.#element.pause();
  }

  toggle(): void {
    if (this.#element.paused || this.#element.ended) void this.play();
    else this.pause();
  }

  /** Seconds from the start. */
  seek(position: number): void {
    if (this.#whole !== null) this.#switchToWhole(position, this.state.playing);
    else this.#element.currentTime = position;
    this.update({ position });
  }

  /** Stops, and lets go of the audio. */
  clear(): void {
    this.#onSound = null;
    this.#whole = null;
    this.#live = null;
    this.#element.pause();
    this.#close();
    this.#element.removeAttribute('src');
    this.#element.load();
    this.update(SILENT);
  }

  #switchToWhole(position: number, playing: boolean): void {
    if (this.#whole === null) return;
    const url = URL.createObjectURL(this.#whole);
    this.#whole = null;
    this.#live = null;
    this.#close();
    this.#open(url);
    this.#element.currentTime = position;
    if (playing) void this.play();
  }

  #open(url: string): void {
    this.#url = url;
    this.#element.src = url;
    this.update({ loaded: true, problem: null });
  }

  #close(): void {
    if (this.#url !== null) URL.revokeObjectURL(this.#url);
    this.#url = null;
  }
}
