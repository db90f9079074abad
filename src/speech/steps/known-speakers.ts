import type { Media } from '../../audio/contract.ts';
import { joined } from '../../audio/join.ts';
import type { Settings } from '../../config/kinds.ts';
import { SpeechError } from '../../errors.ts';
import type { CatalogModel } from '../../models/catalog.ts';
import type { Calls } from './calls.ts';

/** Somebody whose voice the caller knows. */
export interface KnownSpeaker {
  name: string;
  /** A recording of that voice on disk, of any allowed format. */
  path: string;
}

/** A voice and whose it is. */
export interface KnownVoice {
  name: string;
  vector: Float32Array;
}

/** What OpenAI asks of a reference. */
export const SHORTEST_REFERENCE_MS = 2000;
export const LONGEST_REFERENCE_MS = 10_000;
/** What lengthening to whole frames and rounding may add. */
const SLACK_MS = 100;
const PARAM = 'known_speaker_references';
const ABOUT_REFERENCE: ReadonlySet<string> = new Set(['invalid_audio', 'unsupported_audio', 'audio_too_long']);

/** Listens to the references. Errors about one of them name the field and its place in the list. */
export async function knownVoices(
  speakers: readonly KnownSpeaker[],
  model: CatalogModel,
  { media, limits, calls }: { media: Media; limits: Settings['limits']; calls: Calls },
): Promise<KnownVoice[]> {
  const voices: KnownVoice[] = [];
  for (const [index, { name, path }] of speakers.entries()) {
    try {
      const pcm = await reference(path, media, limits, calls.signal);
      const urgency = { first: true, cost: LONGEST_REFERENCE_MS };
      voices.push({ name, vector: (await calls.one('embedSpeaker', model, { pcm }, urgency)).vector });
    } catch (thrown) {
      const { code, message, detail } = SpeechError.from(thrown);
      if (!ABOUT_REFERENCE.has(code)) throw thrown;
      throw new SpeechError(code, message, { param: `${PARAM}.${index}`, detail, cause: thrown });
    }
  }
  return voices;
}

async function reference(
  path: string,
  media: Media,
  limits: Settings['limits'],
  signal: AbortSignal,
): Promise<Float32Array> {
  const longestMs = LONGEST_REFERENCE_MS + SLACK_MS;
  const options = { maxPieceMs: longestMs, maxAudioMs: longestMs, timeoutMs: limits.decodeTimeoutMs, signal };
  const parts: Float32Array[] = [];
  for await (const { pcm } of media.decode(path, options)) parts.push(pcm);
  const pcm = joined(parts);
  if (pcm.length / 16 >= SHORTEST_REFERENCE_MS - SLACK_MS) return pcm;
  throw new SpeechError('invalid_audio', 'The recording of a known speaker must last from 2 to 10 seconds.');
}

/** The name of the voice that is most like this one, if it is like enough. */
export function nameOf(vector: Float32Array, voices: readonly KnownVoice[], sameSpeaker: number): string | undefined {
  let best: { name: string | undefined; likeness: number } = { name: undefined, likeness: sameSpeaker };
  for (const { name, vector: known } of voices) {
    const likeness = cosine(vector, known);
    if (likeness >= best.likeness) best = { name, likeness };
  }
  return best.name;
}

export function cosine(a: Float32Array, b: Float32Array): number {
  let [product, lengthA, lengthB] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    product += a[i]! * (b[i] ?? 0);
    lengthA += a[i]! ** 2;
    lengthB += (b[i] ?? 0) ** 2;
  }
  return lengthA === 0 || lengthB === 0 ? 0 : product / Math.sqrt(lengthA * lengthB);
}
