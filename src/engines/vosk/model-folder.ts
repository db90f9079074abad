import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { OpenModel } from '../contract.ts';
import { unavailable } from './errors.ts';

/** The roles that a manifest has to name: the acoustic model, and how its features are made. */
export const ROLES = ['model', 'features'] as const;

/**
 * What a folder has to hold besides, in the two ways that Vosk's models are laid out: since 2020 in folders with a
 * configuration, before that flat and with the library's own. A graph is one file, or two that are put together.
 */
const LAYOUTS = [
  {
    model: 'am/final.mdl',
    features: 'conf/mfcc.conf',
    graph: 'graph',
    others: ['conf/model.conf', 'graph/phones/word_boundary.int'],
  },
  { model: 'final.mdl', features: 'mfcc.conf', graph: '.', others: ['word_boundary.int'] },
];
const GRAPHS = [['HCLG.fst'], ['HCLr.fst', 'Gr.fst']];

/**
 * Checks that a folder is laid out as libvosk wants it, because the library answers some missing files by ending the
 * process, and others, such as word boundaries, by times that are wrong. Throws `model_unavailable`.
 */
export async function checkFolder(model: OpenModel): Promise<void> {
  for (const role of ROLES) {
    if (!model.assets[role]) throw unavailable(model, `its manifest names no ${role}`);
  }
  const layout = LAYOUTS.find((known) => model.assets.model === join(model.folder, known.model));
  if (layout === undefined || model.assets.features !== join(model.folder, layout.features)) {
    throw unavailable(model, 'its files do not lie where libvosk looks for them');
  }
  const has = async (path: string): Promise<boolean> => {
    const found = await stat(join(model.folder, path)).catch(() => undefined);
    return found?.isFile() === true && found.size > 0;
  };
  for (const path of [layout.model, layout.features, ...layout.others]) {
    if (!(await has(path))) throw unavailable(model, `its ${path} is missing or empty`);
  }
  for (const graph of GRAPHS) {
    const found = await Promise.all(graph.map((name) => has(join(layout.graph, name))));
    if (found.every(Boolean)) return;
  }
  throw unavailable(model, 'its graph is missing');
}
