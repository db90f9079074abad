/**
 * A Kaldi model, built here, that libvosk really loads: five words, each a tone of its own. The features are cepstra of
 * as many mel bands, so that one matrix brings the bands back and lets each word score by how far its band stands out;
 * quiet is what no band stands out of. The graph allows any words in any order with or without quiet between them.
 */

export const KALDI_WORDS = ['one', 'two', 'three', 'four', 'five'] as const;
export type KaldiWord = (typeof KALDI_WORDS)[number];

const RATE = 16_000;
const BANDS = 40;
/** Which band each word's tone lies in. */
const WORD_BANDS = [8, 14, 20, 26, 32];
const [LOWEST_HZ, HIGHEST_HZ] = [20, 7600];
/** Phones, states of the model and outputs of the network in one: quiet first, then the words. */
const UNITS = [...WORD_BANDS.keys(), WORD_BANDS.length].map((unit) => ({
  phone: unit + 1,
  // The label of a word; quiet says nothing.
  word: unit,
  stay: 2 * unit + 1,
  leave: 2 * unit + 2,
}));
/** What quiet scores in each frame: a word's tone stands out more than that, in logarithms of power. */
const QUIET_SCORE = 4;
/** What each word and each quiet costs, so that one long tone is one word. */
const BEGIN_COST = 6;
const WORD_MS = 210;
const GAP_MS = 120;

/**
 * The files of the model by their paths: in folders as since 2020 with the graph in one, or flat as before with the
 * graph in two parts that the library puts together, as small models have it.
 */
export function toneKaldiModel(layout: 'folders' | 'flat' = 'folders'): Record<string, string | Buffer> {
  const features = ['--use-energy=false', `--num-mel-bins=${BANDS}`, `--num-ceps=${BANDS}`, '--cepstral-lifter=0']
    .concat('--dither=0', `--low-freq=${LOWEST_HZ}`, `--high-freq=${HIGHEST_HZ}`)
    .join('\n');
  const decoding = ['--beam=10', '--lattice-beam=4', '--acoustic-scale=1', '--frame-subsampling-factor=3']
    .concat('--endpoint.silence-phones=1', '--endpoint.rule2.min-trailing-silence=0.5')
    .join('\n');
  const symbols = ['<eps>', ...KALDI_WORDS].map((word, label) => `${word} ${label}\n`).join('');
  const boundaries = UNITS.map(({ phone, word }) => `${phone} ${word === 0 ? 'nonword' : 'singleton'}\n`).join('');
  return layout === 'folders'
    ? {
        'am/final.mdl': acousticModel(),
        'conf/mfcc.conf': features,
        'conf/model.conf': decoding,
        'graph/HCLG.fst': graph(),
        'graph/words.txt': symbols,
        'graph/phones/word_boundary.int': boundaries,
      }
    : {
        'final.mdl': acousticModel(),
        'mfcc.conf': features,
        'HCLr.fst': graph(),
        'Gr.fst': grammar(),
        'disambig_tid.int': '',
        'words.txt': symbols,
        'word_boundary.int': boundaries,
      };
}

/** Its paths as a manifest names them. */
export const KALDI_ASSETS = {
  folders: { model: 'am/final.mdl', features: 'conf/mfcc.conf' },
  flat: { model: 'final.mdl', features: 'mfcc.conf' },
} as const;

/** Mono at 16 000 Hz: words of 210 ms with gaps of 120 ms behind them; a number is quiet of so many milliseconds. */
export function speakKaldi(...said: (KaldiWord | number)[]): Float32Array {
  const parts = said.map((what) =>
    typeof what === 'number' ? new Float32Array(samplesIn(what)) : mix([[what, 0.3]], WORD_MS, GAP_MS),
  );
  return Float32Array.from(parts.flatMap((part) => [...part]));
}

/** One word's time in which several sound at once, as loud as told: nobody can be sure which it was. */
export function mumbleKaldi(...words: [KaldiWord, number][]): Float32Array {
  return mix(words, WORD_MS, GAP_MS);
}

function mix(words: readonly (readonly [KaldiWord, number])[], soundMs: number, quietMs: number): Float32Array {
  const pcm = new Float32Array(samplesIn(soundMs + quietMs));
  for (const [word, peak] of words) {
    const hz = bandCentre(WORD_BANDS[KALDI_WORDS.indexOf(word)]!);
    for (let i = 0; i < samplesIn(soundMs); i++) pcm[i]! += peak * Math.sin((2 * Math.PI * hz * i) / RATE);
  }
  return pcm;
}

const samplesIn = (ms: number): number => (RATE * ms) / 1000;

/** Kaldi's mel scale is HTK's. */
function bandCentre(band: number): number {
  const mel = (hz: number): number => 1127 * Math.log(1 + hz / 700);
  const [from, to] = [mel(LOWEST_HZ), mel(HIGHEST_HZ)];
  return 700 * (Math.exp((from + ((to - from) * (band + 1)) / (BANDS + 1)) / 1127) - 1);
}

/** `final.mdl` in Kaldi's text form: how phones move, then the network that scores them. */
function acousticModel(): string {
  const phones = UNITS.map(({ phone }) => phone).join(' ');
  const topology = `<Topology> <TopologyEntry> <ForPhones> ${phones} </ForPhones> <State> 0 <PdfClass> 0 <Transition> 0 0.5 <Transition> 1 0.5 </State> <State> 1 </State> </TopologyEntry> </Topology>`;
  const states = UNITS.map(({ phone, word }) => `${phone} 0 ${word}`).join(' ');
  const half = Math.log(0.5);
  const transitions = vector([0, ...UNITS.flatMap(() => [half, half])]);
  return [
    `<TransitionModel> ${topology}`,
    `<Triples> ${UNITS.length} ${states} </Triples> <LogProbs>${transitions}</LogProbs> </TransitionModel> <Nnet3> `,
    `input-node name=input dim=${BANDS}`,
    'component-node name=score component=score input=input',
    'output-node name=output input=score objective=linear',
    '',
    `<NumComponents> 1 <ComponentName> score <FixedAffineComponent> <LinearParams>${matrix(scoreWeights())}<BiasParams>${vector([QUIET_SCORE, ...WORD_BANDS.map(() => 0)])}</FixedAffineComponent> `,
    '</Nnet3> <LeftContext> 0 <RightContext> 0 <Priors> [ ]',
    '',
  ].join('\n');
}

/** Each word's score: its band less the mean of all, with the cosine transform of the cepstra undone. */
function scoreWeights(): number[][] {
  const each = Array.from({ length: BANDS }, (_, index) => index);
  const cosine = (k: number, n: number): number =>
    Math.sqrt((k === 0 ? 1 : 2) / BANDS) * Math.cos((Math.PI / BANDS) * (n + 0.5) * k);
  const weights = (band: number) => each.map((n) => (n === band ? 1 : 0) - 1 / BANDS);
  const transformed = (band: number) =>
    each.map((k) => weights(band).reduce((sum, weight, n) => sum + weight * cosine(k, n), 0));
  return [each.map(() => 0), ...WORD_BANDS.map(transformed)];
}

const vector = (values: readonly number[]): string => ` [ ${values.join(' ')} ]\n`;
const matrix = (rows: readonly number[][]): string => ` [\n${rows.map((row) => `  ${row.join(' ')}`).join('\n')} ]\n`;

interface Arc {
  input: number;
  output: number;
  cost: number;
  to: number;
}

/** `HCLG.fst`: from the middle into each unit and back, in OpenFst's binary form of a vector of states. */
function graph(): Buffer {
  const inward = UNITS.map(({ word, leave }) => ({ input: leave, output: word, cost: BEGIN_COST, to: word + 1 }));
  const units = UNITS.map(({ word, stay }) => [
    { input: stay, output: 0, cost: 0, to: word + 1 },
    { input: 0, output: 0, cost: 0, to: 0 },
  ]);
  return vectorFst([inward, ...units]);
}

/** `Gr.fst`: any words in any order, at no further cost. */
function grammar(): Buffer {
  return vectorFst([KALDI_WORDS.map((_, at) => ({ input: at + 1, output: at + 1, cost: 0, to: 0 }))]);
}

/** All states are final at no cost; the first is the start. */
function vectorFst(states: readonly (readonly Arc[])[]): Buffer {
  const [int32, int64, float] = [
    (value: number) => bytes(4, (at) => at.writeInt32LE(value)),
    (value: number) => bytes(8, (at) => at.writeBigInt64LE(BigInt(value))),
    (value: number) => bytes(4, (at) => at.writeFloatLE(value)),
  ];
  const name = (text: string) => [int32(text.length), Buffer.from(text)];
  const [magic, version, flags, expandedAndMutable, start] = [2_125_659_606, 2, 0, 3, 0];
  const arcs = states.reduce((sum, { length }) => sum + length, 0);
  return Buffer.concat([
    ...[int32(magic), ...name('vector'), ...name('standard'), int32(version), int32(flags)],
    ...[expandedAndMutable, start, states.length, arcs].map(int64),
    ...states.flatMap((state) => [
      ...[float(0), int64(state.length)],
      ...state.flatMap(({ input, output, cost, to }) => [int32(input), int32(output), float(cost), int32(to)]),
    ]),
  ]);
}

function bytes(length: number, write: (at: Buffer) => void): Buffer {
  const buffer = Buffer.alloc(length);
  write(buffer);
  return buffer;
}
