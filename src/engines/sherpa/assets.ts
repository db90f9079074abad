import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { OpenModel } from '../contract.ts';
import { familyOf } from './config.ts';
import { unavailable } from './errors.ts';

/**
 * Checks what can be checked before sherpa-onnx looks at a model, because it answers many mistakes by ending the
 * process. Throws `model_unavailable` when a role is missing, a file is not there, or a path has a comma, which
 * separates paths in sherpa's configuration.
 */
export async function checkAssets(model: OpenModel): Promise<void> {
  for (const role of familyOf(model).required(model)) {
    if (!model.assets[role]) throw unavailable(model, `its manifest names no ${role}`);
  }
  for (const [role, path] of Object.entries(model.assets)) {
    if (path.includes(',')) throw unavailable(model, `the path of its ${role} has a comma`);
    // A folder of espeak-ng data is known by its list of sounds.
    const file = role === 'dataDir' ? join(path, 'phontab') : path;
    const found = await stat(file).catch(() => undefined);
    if (!found?.isFile() || found.size === 0) throw unavailable(model, `its ${role} is missing or empty`);
  }
}
