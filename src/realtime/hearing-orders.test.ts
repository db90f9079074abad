/** Every order in which a few words, cuts, commits and clears can come to a session whose client ends the turns. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Driven, final } from './testing.ts';

const STEPS = ['speak', 'cut', 'commit', 'clear', 'hear'] as const;
type Step = (typeof STEPS)[number];

/** A session beside ears that cut what grows long, and whose words come late, in their order. */
class Session {
  readonly driven = new Driven();
  readonly told: unknown[] = [];
  /** What each committed turn was made of. */
  readonly said: string[] = [];
  #turn: string[] = [];
  #open: number | undefined;
  #last = 0;
  #unheard: { utterance: number; continues: boolean }[] = [];

  constructor() {
    this.driven.hearBy(null);
    const input = { transcription: {} };
    this.driven.client({ type: 'session.update', session: { type: 'realtime', audio: { input } } });
  }

  /** False where there is nothing for the step. */
  take(step: Step): boolean {
    if (step === 'hear') return this.#hear();
    if (step === 'speak') {
      if (this.#open !== undefined) return false;
      this.#open = ++this.#last;
      this.#turn.push(`w${this.#open}`);
      return true;
    }
    const utterance = this.#open;
    if (utterance === undefined) return false;
    this.#open = undefined;
    if (step !== 'clear') this.#unheard.push({ utterance, continues: step === 'cut' });
    // A cut turn goes on at once.
    if (step === 'cut') return this.take('speak');
    if (step === 'commit') this.said.push(this.#turn.join(' '));
    this.#turn = [];
    if (step === 'clear') this.driven.client({ type: 'input_audio_buffer.clear' });
    this.#note(step === 'clear' ? { type: 'cleared', utterance } : { type: 'committed', utterance, eventId: null });
    return true;
  }

  hearAll(): void {
    while (this.#hear());
  }

  #hear(): boolean {
    const next = this.#unheard.shift();
    if (next === undefined) return false;
    const { utterance, continues } = next;
    this.#note({ type: 'hearing', event: { ...final(utterance, `w${utterance}`), continues } });
    return true;
  }

  #note(input: Parameters<Driven['take']>[0]): void {
    this.driven.take(input);
    for (const { type, transcript } of this.driven.events) if (type.endsWith('.completed')) this.told.push(transcript);
  }
}

test('every turn is told once, with its own words, and no response waits for ever', () => {
  let orders = 0;
  const explore = (steps: readonly Step[]): void => {
    const session = new Session();
    if (!steps.every((step) => session.take(step))) return;
    orders++;
    session.driven.client({ type: 'response.create' });
    session.hearAll();
    assert.deepEqual(session.told, session.said, steps.join(' '));
    const { items, utterances, responses } = session.driven.state;
    assert.equal(items.length, session.said.length, steps.join(' '));
    assert.ok([...utterances.values()].every(({ committed }) => !committed));
    assert.ok([...responses.values()].every(({ waits }) => !waits));
    if (steps.length < 9) for (const step of STEPS) explore([...steps, step]);
  };
  explore([]);
  assert.ok(orders > 3000, String(orders));
});
