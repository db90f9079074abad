import { type Encoding, SampleReader } from '../audio/sample-reader.ts';
import { WavReader } from '../audio/wav.ts';

/** Deepgram's names for raw encodings. */
export const WIRE_ENCODINGS = ['linear16', 'linear32', 'mulaw', 'alaw'] as const;
export type WireEncoding = (typeof WIRE_ENCODINGS)[number];

const ENCODINGS: Readonly<Record<WireEncoding, Encoding>> = {
  linear16: 'pcm_s16le',
  linear32: 'pcm_f32le',
  mulaw: 'mulaw',
  alaw: 'alaw',
};

export interface WireAudio {
  /** PCM in [-1, 1], one array for each result stream. */
  channels: Float32Array[];
  sampleRate: number;
}

/** Turns bytes that may be cut anywhere into PCM. SpeechError `invalid_audio` or `unsupported_audio` for what is none. */
export interface WireReader {
  read(bytes: Buffer): WireAudio | undefined;
}

/** Raw audio of a known kind. `apart`: each channel by itself, else all mixed to one. */
export function rawReader(encoding: WireEncoding, sampleRate: number, channels: number, apart: boolean): WireReader {
  const samples = new SampleReader(ENCODINGS[encoding], channels);
  return {
    read(bytes) {
      const interleaved = samples.read(bytes);
      if (interleaved.length === 0) return undefined;
      return { channels: channels === 1 ? [interleaved] : split(interleaved, channels, apart), sampleRate };
    },
  };
}

/** Audio that says by a WAV header what it is; its channels are mixed. */
export function wavReader(): WireReader {
  const wav = new WavReader();
  return {
    read(bytes) {
      const pcm = wav.push(bytes);
      return pcm.length === 0 ? undefined : { channels: [pcm], sampleRate: wav.format!.sampleRate };
    },
  };
}

function split(interleaved: Float32Array, channels: number, apart: boolean): Float32Array[] {
  const length = interleaved.length / channels;
  const out = Array.from({ length: apart ? channels : 1 }, () => new Float32Array(length));
  for (let i = 0; i < length; i++) {
    for (let channel = 0; channel < channels; channel++) {
      const sample = interleaved[i * channels + channel]!;
      if (apart) out[channel]![i] = sample;
      else out[0]![i]! += sample / channels;
    }
  }
  return out;
}
