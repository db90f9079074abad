import { Store } from '../lib/store.ts';

/** What the speak form holds. Null means that the server's default applies. */
export interface Draft {
  text: string;
  ssml: boolean;
  model: string | null;
  voice: string | null;
  speed: number;
  format: string;
}

const CHOICES = 'open-speech.speak';

/** The form outlives its page. Voice, speed and format are remembered on this device; the text is not. */
export class DraftStore extends Store<Draft> {
  constructor() {
    super({ text: '', ssml: false, model: null, voice: null, speed: 1, format: 'mp3', ...rememberedChoices() });
  }

  edit(change: Partial<Draft>): void {
    this.update(change);
    const { model, voice, speed, format } = this.state;
    try {
      localStorage.setItem(CHOICES, JSON.stringify({ model, voice, speed, format }));
    } catch {
      // A browser that stores nothing remembers nothing.
    }
  }

  clear(): void {
    this.update({ text: '', ssml: false });
  }
}

function rememberedChoices(): Partial<Draft> {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(CHOICES) ?? 'null');
    if (typeof found !== 'object' || found === null) return {};
    const { model, voice, speed, format } = found as Record<string, unknown>;
    return {
      ...(typeof model === 'string' && { model }),
      ...(typeof voice === 'string' && { voice }),
      ...(typeof speed === 'number' && { speed }),
      ...(typeof format === 'string' && { format }),
    };
  } catch {
    return {};
  }
}
