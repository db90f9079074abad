import type { ModelManifest } from '../../src/models/manifest.ts';
import { modelManifestSchema } from '../../src/models/manifest.ts';
import { writeFiles } from './files.ts';
import { FLOAT, floats, Graph, INT32, INT64 } from './onnx.ts';

/** FunASR's marks, in the order of its classes. */
const MARKS = ['<unk>', '_', '，', '。', '？', '、'];
const [NONE, COMMA, DOT, QUESTION] = [1, 2, 3, 4];
/** Words that it knows, with the mark it puts after each. */
const WORDS: Readonly<Record<string, number>> = { '<unk>': NONE!, hello: COMMA!, world: DOT!, why: QUESTION! };

/** Builds a punctuation model in the shape of CT-Transformer that puts a mark after each word that it knows. */
export async function buildWordPunctuator(folder: string): Promise<ModelManifest> {
  const graph = new Graph();
  const tokens = graph.input('inputs', INT32, ['batch', 'tokens']);
  graph.input('text_lengths', INT32, ['batch']);
  const words = Object.keys(WORDS);
  const scores = floats(
    words.flatMap((word) => MARKS.map((_, mark) => Number(mark === WORDS[word]))),
    [words.length, MARKS.length],
  );
  const indexes = graph.node('Cast', [tokens], { to: INT64 });
  graph.output('logits', graph.node('Gather', [scores, indexes]), FLOAT, ['batch', 'tokens', MARKS.length]);
  const model = graph.toModel({
    model_type: 'ct_transformer',
    tokens: words.join('|'),
    punctuations: MARKS.join('|'),
    unk_symbol: '<unk>',
    vocab_size: words.length,
  });
  return modelManifestSchema.parse({
    id: 'word-punctuator',
    kind: 'punctuation',
    engine: 'sherpa',
    family: 'ct-transformer',
    files: await writeFiles(folder, { 'model.onnx': model }),
    assets: { model: 'model.onnx' },
    revision: 'built',
    licence: 'MIT',
    languages: ['en'],
    description: 'Puts a mark after words that it knows.',
  });
}
