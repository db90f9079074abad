/** What is heard: turns become items, and their words transcripts. */
import type { ListeningEvent } from '../live/contract.ts';
import { addItem, setTranscript } from './conversation.ts';
import { awaitVoice, idleTimeout } from './idle.ts';
import { RealtimeProblem } from './problem.ts';
import { bargeIn, respondToTurn } from './responses.ts';
import { activeResponse, type Draft, type Utterance } from './state.ts';

/** More than can be cleared while the words of one utterance are found out. */
const KEPT_CLEARED = 64;

export function hear(draft: Draft, event: ListeningEvent): void {
  const turns = draft.state.session.audio.input.turn_detection;
  switch (event.type) {
    case 'speech-started': {
      // With manual turns the protocol has no words for it.
      if (turns === null) return;
      const { item } = utteranceOf(draft, event.utterance);
      draft.send('input_audio_buffer.speech_started', { audio_start_ms: Math.round(event.atMs), item_id: item });
      if (turns.interrupt_response) bargeIn(draft);
      return;
    }
    case 'speech-stopped': {
      if (turns === null) return;
      const { item, committed } = utteranceOf(draft, event.utterance);
      if (committed) return;
      draft.send('input_audio_buffer.speech_stopped', { audio_end_ms: Math.round(event.atMs), item_id: item });
      commitUtterance(draft, event.utterance);
      return;
    }
    case 'idle':
      hearIdle(draft, event.fromMs, event.toMs);
      return;
    default:
      hearWords(draft, event);
  }
}

function hearWords(draft: Draft, event: ListeningEvent & { type: 'partial' | 'final' | 'failed' }): void {
  const number = turnOf(draft, event.utterance);
  if (number === undefined) return;
  if (event.type === 'partial') hearPartial(draft, number, event.text.slice(0, event.confirmed));
  else if (event.type === 'final') hearFinal(draft, number, event);
  else hearFailure(draft, number, event);
}

/**
 * The number of the turn that an utterance is part of. A long turn comes in several, whose words may be known only when
 * the client has committed the last one. Undefined where the client has cleared it.
 */
function turnOf({ state }: Draft, number: number): number | undefined {
  if (state.utterances.has(number)) return number;
  const manual = state.session.audio.input.turn_detection === null;
  let end: number | undefined;
  for (const [known, { committed }] of state.utterances) {
    if (manual && committed && known > number) end = Math.min(known, end ?? known);
  }
  const isCleared = state.cleared.some((last) => last >= number && last < (end ?? Number.POSITIVE_INFINITY));
  return isCleared ? undefined : (end ?? number);
}

function hearFailure(draft: Draft, number: number, event: ListeningEvent & { type: 'failed' }): void {
  const { item } = utteranceOf(draft, number);
  commitUtterance(draft, number);
  // Where only a part of the turn was lost, the rest is still to come.
  if (number === event.utterance) forgetUtterance(draft, number);
  const { code, message } = event.error;
  if (draft.state.session.audio.input.transcription !== null) {
    transcription(draft, 'failed', item, { error: { type: 'server_error', code, message } });
  }
}

function hearPartial(draft: Draft, number: number, confirmed: string): void {
  // In a conversation the words come whole, once the turn is over; who only transcribes wants them at once.
  if (draft.state.session.type !== 'transcription') return;
  const utterance = utteranceOf(draft, number);
  const told = utterance.said + confirmed;
  if (confirmed === '' || told.length <= utterance.sent) return;
  transcription(draft, 'delta', utterance.item, { delta: told.slice(utterance.sent) });
  setUtterance(draft, number, { ...utterance, sent: told.length });
}

function hearFinal(draft: Draft, number: number, event: ListeningEvent & { type: 'final' }): void {
  const turns = draft.state.session.audio.input.turn_detection;
  const utterance = utteranceOf(draft, number);
  const text = event.text === '' ? utterance.said.trimEnd() : utterance.said + event.text;
  const audioMs = utterance.audioMs + event.audioMs;
  if (event.continues && turns === null) {
    // The client's turn goes on until it commits, or has committed since.
    forgetUtterance(draft, number);
    const next = utterance.committed ? number : number + 1;
    setUtterance(draft, next, { ...utterance, said: text.trim() === '' ? '' : `${text.trimEnd()} `, audioMs });
    return;
  }
  commitUtterance(draft, number);
  const { item, sent } = utterance;
  setTranscript(draft, item, text);
  forgetUtterance(draft, number);
  if (draft.state.session.audio.input.transcription !== null) {
    if (text.length > sent) transcription(draft, 'delta', item, { delta: text.slice(sent) });
    transcription(draft, 'completed', item, {
      transcript: text,
      usage: { type: 'duration', seconds: audioMs / 1000 },
    });
  }
  // Answering a cough would be worse than silence. Who ends a turn says, too, when it is answered.
  const isAnswered = turns?.create_response && text.trim() !== '' && !event.continues && !utterance.byClient;
  if (isAnswered) respondToTurn(draft);
}

function hearIdle(draft: Draft, fromMs: number, toMs: number): void {
  const turns = draft.state.session.audio.input.turn_detection;
  // The end of the response begins the count anew.
  if (idleTimeout(turns) === null || activeResponse(draft.state) !== undefined) return;
  if (draft.state.utterances.size > 0) {
    // Somebody did speak, and what he said is not known yet: it may be answered.
    awaitVoice(draft, 0);
    return;
  }
  const item = draft.newId('item');
  draft.send('input_audio_buffer.timeout_triggered', {
    audio_start_ms: Math.round(fromMs),
    audio_end_ms: Math.round(toMs),
    item_id: item,
  });
  commitItem(draft, item, '');
  if (turns?.create_response) respondToTurn(draft);
}

export function takeCommitted(draft: Draft, utterance: number | undefined, eventId: string | null): void {
  if (utterance === undefined) {
    draft.refuse(
      new RealtimeProblem(
        'input_audio_buffer_commit_empty',
        'Error committing input audio buffer: there is less than 100ms of audio in it.',
      ),
      eventId,
    );
    return;
  }
  const told = draft.state.utterances.get(utterance);
  if (told?.committed) setUtterance(draft, utterance, { ...told, byClient: true });
  // Its end was told already, or the recogniser gave it up.
  if (utterance <= draft.state.lastCommitted) return;
  const [part, begun] =
    [...draft.state.utterances].find(([number, { committed }]) => number < utterance && !committed) ?? [];
  if (part !== undefined && begun !== undefined) {
    // Words of the turn are known under an earlier part of it.
    forgetUtterance(draft, part);
    setUtterance(draft, utterance, begun);
  }
  commitUtterance(draft, utterance);
}

/** Drops turns that are not over. */
export function forgetUncommitted(draft: Draft): void {
  draft.state.utterances = new Map([...draft.state.utterances].filter(([, { committed }]) => committed));
}

/** The client does not want to know what was said in it, and in earlier parts of its turn. */
export function takeCleared(draft: Draft, utterance: number | undefined): void {
  if (utterance !== undefined) draft.state.cleared = [...draft.state.cleared, utterance].slice(-KEPT_CLEARED);
}

function commitUtterance(draft: Draft, number: number): void {
  const utterance = utteranceOf(draft, number);
  if (utterance.committed) return;
  setUtterance(draft, number, { ...utterance, committed: true });
  draft.state.lastCommitted = Math.max(draft.state.lastCommitted, number);
  commitItem(draft, utterance.item, null);
}

function commitItem(draft: Draft, id: string, transcript: string | null): void {
  draft.send('input_audio_buffer.committed', { item_id: id, previous_item_id: draft.state.items.at(-1)?.id ?? null });
  addItem(draft, {
    ...{ id, object: 'realtime.item', type: 'message', status: 'completed', role: 'user' },
    content: [{ type: 'input_audio', transcript }],
  });
}

function utteranceOf(draft: Draft, number: number): Utterance {
  const known = draft.state.utterances.get(number);
  if (known !== undefined) return known;
  const made = { item: draft.newId('item'), committed: false, byClient: false, said: '', sent: 0, audioMs: 0 };
  setUtterance(draft, number, made);
  return made;
}

function setUtterance(draft: Draft, number: number, utterance: Utterance): void {
  draft.state.utterances = new Map(draft.state.utterances).set(number, utterance);
}

function forgetUtterance(draft: Draft, number: number): void {
  draft.state.utterances = new Map([...draft.state.utterances].filter(([known]) => known !== number));
}

function transcription(draft: Draft, what: 'delta' | 'completed' | 'failed', item: string, fields: object): void {
  draft.send(`conversation.item.input_audio_transcription.${what}`, { item_id: item, content_index: 0, ...fields });
}
