/** What is heard: turns become items, and their words transcripts. */
import type { ListeningEvent } from '../live/contract.ts';
import { addItem, setTranscript } from './conversation.ts';
import { awaitVoice, idleTimeout } from './idle.ts';
import { RealtimeProblem } from './problem.ts';
import { bargeIn, respondToTurn } from './responses.ts';
import { activeResponse, type Draft, type Utterance } from './state.ts';

export function hear(draft: Draft, event: ListeningEvent): void {
  const turns = draft.state.session.audio.input.turn_detection;
  switch (event.type) {
    case 'speech-started': {
      // With manual turns the protocol has no words for it.
      if (turns === null) return;
      const { item } = utteranceOf(draft, event.utterance, event.atMs);
      draft.send('input_audio_buffer.speech_started', { audio_start_ms: Math.round(event.atMs), item_id: item });
      if (turns.interrupt_response) bargeIn(draft);
      return;
    }
    case 'speech-stopped': {
      if (turns === null) return;
      const { item, committed } = utteranceOf(draft, event.utterance, event.atMs);
      if (committed) return;
      draft.send('input_audio_buffer.speech_stopped', { audio_end_ms: Math.round(event.atMs), item_id: item });
      commitUtterance(draft, event.utterance);
      return;
    }
    case 'partial':
      hearPartial(draft, event.utterance, event.text.slice(0, event.confirmed), event.startMs);
      return;
    case 'final':
      hearFinal(draft, event);
      return;
    case 'failed': {
      const utterance = utteranceOf(draft, event.utterance, 0);
      commitUtterance(draft, event.utterance);
      forgetUtterance(draft, event.utterance);
      const { code, message } = event.error;
      if (draft.state.session.audio.input.transcription !== null) {
        transcription(draft, 'failed', utterance.item, {
          error: { type: 'server_error', code, message, param: null },
        });
      }
      return;
    }
    case 'idle':
      hearIdle(draft, event.fromMs, event.toMs);
  }
}

function hearPartial(draft: Draft, number: number, confirmed: string, startMs: number): void {
  // In a conversation the words come whole, once the turn is over; who only transcribes wants them at once.
  if (draft.state.session.type !== 'transcription') return;
  const utterance = utteranceOf(draft, number, startMs);
  const told = utterance.said + confirmed;
  if (confirmed === '' || told.length <= utterance.sent) return;
  transcription(draft, 'delta', utterance.item, { delta: told.slice(utterance.sent) });
  setUtterance(draft, number, { ...utterance, sent: told.length });
}

function hearFinal(draft: Draft, event: ListeningEvent & { type: 'final' }): void {
  const turns = draft.state.session.audio.input.turn_detection;
  const utterance = utteranceOf(draft, event.utterance, event.startMs);
  const text = utterance.said + event.text;
  if (event.continues && turns === null) {
    // The client's turn goes on until it commits.
    forgetUtterance(draft, event.utterance);
    setUtterance(draft, event.utterance + 1, { ...utterance, said: text === '' ? '' : `${text} ` });
    return;
  }
  commitUtterance(draft, event.utterance);
  const { item, sent } = utterance;
  setTranscript(draft, item, text);
  forgetUtterance(draft, event.utterance);
  if (draft.state.session.audio.input.transcription !== null) {
    if (text.length > sent) transcription(draft, 'delta', item, { delta: text.slice(sent) });
    transcription(draft, 'completed', item, {
      transcript: text,
      usage: { type: 'duration', seconds: event.audioMs / 1000 },
    });
  }
  // Answering a cough would be worse than silence.
  if (turns?.create_response && text.trim() !== '' && !event.continues) respondToTurn(draft);
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
  commitUtterance(draft, utterance);
}

function commitUtterance(draft: Draft, number: number): void {
  const utterance = utteranceOf(draft, number, 0);
  if (utterance.committed) return;
  setUtterance(draft, number, { ...utterance, committed: true });
  commitItem(draft, utterance.item, null);
}

function commitItem(draft: Draft, id: string, transcript: string | null): void {
  draft.send('input_audio_buffer.committed', { item_id: id, previous_item_id: draft.state.items.at(-1)?.id ?? null });
  addItem(draft, {
    ...{ id, object: 'realtime.item', type: 'message', status: 'completed', role: 'user' },
    content: [{ type: 'input_audio', transcript }],
  });
}

function utteranceOf(draft: Draft, number: number, startMs: number): Utterance {
  const known = draft.state.utterances.get(number);
  if (known !== undefined) return known;
  const made = { item: draft.newId('item'), committed: false, said: '', sent: 0, startMs };
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
