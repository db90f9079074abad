import { SpeechError } from '../../errors.ts';
import type { KnownSpeaker } from '../../speech/steps/known-speakers.ts';
import type { ReceivedForm } from '../upload.ts';
import type { TranscriptionForm } from './transcription-form.ts';

export const REFERENCES = 'known_speaker_references';
const NAMES = 'known_speaker_names';
const HEAD = /^data:[\w.+-]+\/[\w.+-]+(;[\w.+-]+=[\w.+"-]+)*;base64$/i;
const LONGEST_HEAD = 200;

type References = Pick<TranscriptionForm, typeof NAMES | typeof REFERENCES>;

/** Puts the voices of known speakers into files that last as long as the form. Errors: `invalid_request`. */
export async function knownSpeakers(
  { known_speaker_names: names = [], known_speaker_references: references = [] }: References,
  form: ReceivedForm,
): Promise<KnownSpeaker[]> {
  if (names.length !== references.length) {
    const param = names.length < references.length ? NAMES : REFERENCES;
    throw new SpeechError('invalid_request', 'There must be as many known speakers’ names as references.', { param });
  }
  if (new Set(names).size < names.length) {
    throw new SpeechError('invalid_request', 'Each known speaker must have a name of their own.', { param: NAMES });
  }
  const contents = references.map(decoded);
  return await Promise.all(
    contents.map(async (bytes, index) => ({ name: names[index]!, path: await form.keep(bytes) })),
  );
}

function decoded(url: string, index: number): Buffer {
  const comma = url.indexOf(',');
  const param = `${REFERENCES}.${index}`;
  if (comma < 0 || comma > LONGEST_HEAD || !HEAD.test(url.slice(0, comma))) {
    const message = 'must be a data URL such as data:audio/wav;base64,…';
    throw new SpeechError('invalid_request', `'${param}' ${message}`, { param });
  }
  const text = url.slice(comma + 1).replace(/={1,2}$/, '');
  const bytes = Buffer.from(text, 'base64');
  // Node passes over what is not base64; then there are fewer bytes than the text is long for.
  if (bytes.length === 0 || bytes.length !== Math.floor((text.length * 3) / 4)) {
    throw new SpeechError('invalid_request', `'${param}' is not valid base64.`, { param });
  }
  return bytes;
}
