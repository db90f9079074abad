import { ENCODINGS, type Encoding } from '../../audio/sample-reader.ts';
import type { Settings } from '../../config/kinds.ts';
import { SpeechError } from '../../errors.ts';
import type { ListeningOptions } from '../../live/contract.ts';
import { requireRate } from '../../live/intake.ts';

/** What a client asks for in the query of `/v1/audio/stream`. */
export interface StreamParameters {
  encoding: Encoding;
  sampleRate: number;
  interimResults: boolean;
  /** Undefined where the client does not say. */
  denoise?: boolean;
  listening: ListeningOptions;
}

/** What may be changed while a session lasts. */
export interface StreamChange {
  interimResults?: boolean;
  listening: Partial<ListeningOptions>;
}

/** Audio before the first voice that belongs to the utterance, in ms: onsets are quiet. */
const PREFIX_MS = 300;
const MIN_ENDPOINTING_MS = 10;
const MAX_ENDPOINTING_MS = 60_000;
const MAX_ALTERNATIVES = 10;
const LANGUAGE = /^[a-z]{2,3}(-[a-z\d]{1,8}){0,4}$/i;

/** Other names of the encodings, as other servers' clients write them. */
const ALIASES: Readonly<Record<string, Encoding>> = {
  linear16: 'pcm_s16le',
  pcm16: 'pcm_s16le',
  linear32: 'pcm_f32le',
  g711_ulaw: 'mulaw',
  g711_alaw: 'alaw',
};

/** `ticket` opened the socket and means nothing more. */
const NAMES = [
  ...['model', 'language', 'prompt', 'sample_rate', 'encoding', 'interim_results', 'endpointing', 'vad', 'words'],
  ...['alternatives', 'denoise', 'ticket'],
];

type Given = (name: string) => string | undefined;

/** Reads a query. Throws `invalid_request` or `unsupported_value` with the parameter at fault. */
export function readParameters(query: unknown, settings: Settings): StreamParameters {
  const given = singleValues(query as Record<string, unknown>);
  const encoding = encodingOf(given('encoding'));
  const sampleRate = wholeNumber('sample_rate', given('sample_rate')) ?? (isTelephone(encoding) ? 8000 : 16_000);
  requireRate(sampleRate);
  const model = given('model');
  const language = languageOf(given('language'));
  const prompt = promptOf(given('prompt'), settings);
  const denoise = flag('denoise', given('denoise'));
  const byVoice = flag('vad', given('vad')) ?? settings.sttVadEnabled;
  const silenceMs = endpointingOf(wholeNumber('endpointing', given('endpointing'))) ?? settings.streamEndpointingMs;
  return {
    encoding,
    sampleRate,
    interimResults: flag('interim_results', given('interim_results')) ?? true,
    ...(denoise === undefined ? {} : { denoise }),
    listening: {
      ...(model === undefined ? {} : { model }),
      ...(language === undefined ? {} : { language }),
      ...(prompt === undefined ? {} : { prompt }),
      words: flag('words', given('words')) ?? true,
      ...alternativesOf(wholeNumber('alternatives', given('alternatives'))),
      partials: true,
      turns: byVoice ? voiceTurns(silenceMs, settings) : { kind: 'manual' },
    },
  };
}

/** Reads a `config` message. Throws as `readParameters` does. */
export function readChange(message: Readonly<Record<string, unknown>>, settings: Settings): StreamChange {
  const { type: _type, language, interim_results, endpointing, ...others } = message;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) {
    const names = "'language', 'interim_results' and 'endpointing'";
    throw refusal(unknown, `'${unknown.slice(0, 40)}' cannot be changed while the session lasts, only ${names}.`);
  }
  if (language !== undefined && typeof language !== 'string') throw refusal('language', "'language' must be a text.");
  if (interim_results !== undefined && typeof interim_results !== 'boolean') {
    throw refusal('interim_results', "'interim_results' must be true or false.");
  }
  if (endpointing !== undefined && typeof endpointing !== 'number') {
    throw refusal('endpointing', "'endpointing' must be a number of milliseconds.");
  }
  const silenceMs = endpointingOf(endpointing);
  const known = languageOf(language);
  return {
    ...(interim_results === undefined ? {} : { interimResults: interim_results }),
    listening: {
      ...(known === undefined ? {} : { language: known }),
      ...(silenceMs === undefined ? {} : { turns: voiceTurns(silenceMs, settings) }),
    },
  };
}

function voiceTurns(silenceMs: number, { streamVadThreshold: threshold }: Settings): ListeningOptions['turns'] {
  return { kind: 'voice', threshold, prefixMs: PREFIX_MS, silenceMs };
}

function singleValues(query: Readonly<Record<string, unknown>>): Given {
  for (const [name, value] of Object.entries(query)) {
    if (!NAMES.includes(name)) {
      const known = NAMES.filter((known) => known !== 'ticket').join("', '");
      throw refusal(name.slice(0, 40), `There is no parameter '${name.slice(0, 40)}'. There are '${known}'.`);
    }
    if (typeof value !== 'string') throw refusal(name, `'${name}' is given more than once.`);
  }
  // What is empty is not given.
  return (name) => (query[name] as string | undefined) || undefined;
}

function encodingOf(name = 'pcm_s16le'): Encoding {
  const known = ENCODINGS.find((encoding) => encoding === name) ?? (Object.hasOwn(ALIASES, name) && ALIASES[name]);
  if (known) return known;
  throw new SpeechError('unsupported_value', `'encoding' must be '${ENCODINGS.join("', '")}'.`, { param: 'encoding' });
}

function isTelephone(encoding: Encoding): boolean {
  return encoding === 'mulaw' || encoding === 'alaw';
}

function languageOf(tag: string | undefined): string | undefined {
  if (tag === undefined || LANGUAGE.test(tag)) return tag;
  throw refusal('language', "'language' must be a language tag such as 'en' or 'de-AT'.");
}

function promptOf(prompt: string | undefined, { limits }: Settings): string | undefined {
  if (prompt === undefined || prompt.length <= limits.promptChars) return prompt;
  throw new SpeechError('text_too_long', `'prompt' is longer than ${limits.promptChars} characters.`, {
    param: 'prompt',
  });
}

function alternativesOf(count: number | undefined): { alternatives?: number } {
  if (count === undefined || count === 0) return {};
  if (count <= MAX_ALTERNATIVES) return { alternatives: count };
  throw refusal('alternatives', `'alternatives' must be from 0 to ${MAX_ALTERNATIVES}.`);
}

function endpointingOf(ms: number | undefined): number | undefined {
  if (ms === undefined || (ms >= MIN_ENDPOINTING_MS && ms <= MAX_ENDPOINTING_MS)) return ms;
  throw refusal(
    'endpointing',
    `'endpointing' must be from ${MIN_ENDPOINTING_MS} to ${MAX_ENDPOINTING_MS} milliseconds.`,
  );
}

function wholeNumber(name: string, text: string | undefined): number | undefined {
  if (text === undefined || /^\d{1,9}$/.test(text)) return text === undefined ? undefined : Number(text);
  throw refusal(name, `'${name}' must be a whole number.`);
}

function flag(name: string, text: string | undefined): boolean | undefined {
  if (text === undefined) return undefined;
  if (/^(true|1)$/i.test(text)) return true;
  if (/^(false|0)$/i.test(text)) return false;
  throw refusal(name, `'${name}' must be true or false.`);
}

function refusal(param: string, message: string): SpeechError {
  return new SpeechError('invalid_request', message, { param });
}
