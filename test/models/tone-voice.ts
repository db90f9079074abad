import type { ModelManifest } from '../../src/models/manifest.ts';
import { modelManifestSchema } from '../../src/models/manifest.ts';
import { writeFiles } from './files.ts';
import { FLOAT, float, floats, Graph, INT64, int, ints } from './onnx.ts';
import type { Tone } from './tones.ts';
import { TONES } from './tones.ts';
import { addWork } from './work.ts';

export interface ToneVoiceOptions {
  /** Model id; default `tone-voice`. */
  id?: string;
  /** Hz; default 24 000. */
  sampleRate?: number;
  /** Length of one character at speed 1; default 100 ms, half tone, half pause. */
  characterMs?: number;
  /** Voices `tone-0`, `tone-1`, …: each half as loud as the one before. Default 2. */
  speakers?: number;
  /** Makes it as slow as a neural voice: 10⁹ operations for each second of audio at speed 1. Default none. */
  gigaflopPerSecond?: number;
}

const PAUSE = 0;
/** Peak of the first voice: two tones of half this each. */
const LOUDNESS = 0.8;
const RAMP_MS = 3;

/**
 * Builds a VITS model that sherpa-onnx loads like any other and that speaks each character as a pair of tones.
 * Sentences begin with a pause of one character; one that ends in `.`, `:`, `?` or `!` ends with one too. Characters
 * outside the alphabet are left out. The audio is exactly `characters × round(characterMs / speed)` long.
 */
export async function buildToneVoice(folder: string, options: ToneVoiceOptions = {}): Promise<ModelManifest> {
  const { id = 'tone-voice', sampleRate = 24_000, characterMs = 100, speakers = 2, gigaflopPerSecond = 0 } = options;
  const graph = new Graph();
  const input = graph.input('input', INT64, [1, 'characters']);
  graph.input('input_lengths', INT64, [1]);
  const scales = graph.input('scales', FLOAT, [3]);
  const speaker = graph.input('sid', INT64, [1]);

  const characters = graph.node('Reshape', [input, ints([-1, 1])]);
  const table = (value: (tone: Tone) => number) => floats([0, ...TONES.map(value)]);
  let gain = graph.node('Gather', [floats([0, ...TONES.map(() => 1)]), characters]);
  if (gigaflopPerSecond > 0) gain = addWork(graph, gain, (gigaflopPerSecond * characterMs) / 1000, 16);
  const loudness = floats(Array.from({ length: speakers }, (_, index) => LOUDNESS / 2 / 2 ** index));
  gain = graph.node('Mul', [gain, graph.node('Gather', [loudness, speaker])]);

  // One character's samples: 0, 1, 2, … as many as the pace asks for.
  const lengthScale = graph.node('Gather', [scales, int(1)]);
  const length = graph.node('Round', [graph.node('Mul', [lengthScale, float((sampleRate * characterMs) / 1000)])]);
  const count = graph.node('Cast', [length], { to: INT64 });
  const samples = graph.node('Cast', [graph.node('Range', [int(0), count, int(1)])], { to: FLOAT });

  const radians = graph.node('Mul', [samples, float((2 * Math.PI) / sampleRate)]);
  const sine = (hz: (tone: Tone) => number) =>
    graph.node('Sin', [graph.node('Mul', [graph.node('Gather', [table(hz), characters]), radians])]);
  const tones = graph.node('Add', [sine((tone) => tone.low), sine((tone) => tone.high)]);

  // Sounds for the first half, with ramps so that it does not click.
  const ramp = (rising: string) =>
    graph.node('Clip', [graph.node('Mul', [rising, float(1000 / (RAMP_MS * sampleRate))]), float(0), float(1)]);
  const half = graph.node('Mul', [length, float(0.5)]);
  const envelope = graph.node('Mul', [ramp(samples), ramp(graph.node('Sub', [half, samples]))]);

  const audio = graph.node('Mul', [graph.node('Mul', [tones, envelope]), gain]);
  graph.output('output', graph.node('Reshape', [audio, ints([1, 1, -1])]), FLOAT, [1, 1, 'samples']);

  const model = graph.toModel({
    model_type: 'vits',
    // The name that makes sherpa-onnx pass one `scales` tensor.
    comment: 'coqui',
    language: 'English',
    frontend: 'characters',
    sample_rate: sampleRate,
    n_speakers: speakers,
    add_blank: 0,
    use_eos_bos: 1,
    bos_id: PAUSE,
    eos_id: PAUSE,
    pad_id: PAUSE,
    blank_id: PAUSE,
  });
  const tokens = TONES.map(({ character }, index) => `${character} ${index + 1}\n`).join('');
  return modelManifestSchema.parse({
    id,
    kind: 'tts',
    engine: 'sherpa',
    family: 'vits',
    files: await writeFiles(folder, { 'model.onnx': model, 'tokens.txt': tokens }),
    assets: { model: 'model.onnx', tokens: 'tokens.txt' },
    // Keeps pauses as long as they are, so that lengths are exact.
    options: { silenceScale: 1 },
    revision: 'built',
    licence: 'MIT',
    languages: ['en'],
    voices: Array.from({ length: speakers }, (_, index) => ({
      id: `tone-${index}`,
      name: `Tone ${index}`,
      language: 'en',
      speaker: index,
    })),
    sampleRate,
    description: 'Speaks each character as a pair of tones.',
  });
}
