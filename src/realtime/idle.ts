/** Silence that is answered: OpenAI's `idle_timeout_ms`. */
import type { Response, Status } from './response.ts';
import type { TurnDetection } from './session-config.ts';
import type { Draft } from './state.ts';

/** In ms; null where silence leads to nothing. */
export function idleTimeout(turns: TurnDetection | null): number | null {
  return turns?.type === 'server_vad' ? turns.idle_timeout_ms : null;
}

/** Silence counts again once so much more audio has come. */
export function awaitVoice(draft: Draft, inMs: number): void {
  if (idleTimeout(draft.state.session.audio.input.turn_detection) === null) return;
  draft.effects.push({ type: 'await-voice', inMs });
}

/** A response of the conversation is over: OpenAI counts from then on, and from the end of its audio as it is played. */
export function awaitReaction(draft: Draft, { audioMs }: Response, { status, details }: Status): void {
  // Whoever spoke into it begins the count anew by falling silent.
  if (status === 'cancelled' && details.reason === 'turn_detected') return;
  awaitVoice(draft, status === 'cancelled' ? 0 : audioMs);
}
