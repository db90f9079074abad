import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import type { OpenModel } from '../contract.ts';
import { familyConfig, familyOf } from './config.ts';
import { families } from './families/index.ts';

/**
 * Most families have no model that is small enough for tests. But before it loads anything, sherpa-onnx says which
 * file of a configuration is missing: with all files there but one, it must name that one. A role that we spelled
 * differently from sherpa-onnx would go unnoticed by it, and fail here.
 */
interface Case {
  model: OpenModel;
  missing: string;
}

/** Roles beside the required ones. */
const OPTIONAL: Readonly<Record<string, string[]>> = {
  vits: ['dataDir'],
  kokoro: ['lexicon'],
  matcha: ['dataDir', 'lexicon'],
};
/** It looks for these only after it has loaded the rest; the recording to imitate is read by us. */
const FOUND_LATER: ReadonlySet<string> = new Set(['matcha vocoder', 'zipvoice vocoder', 'zipvoice lexicon']);
const READ_BY_US = 'reference';

let folder: string;
const complaints = new Map<Case, string>();

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sherpa-roles-'));
  const cases: Case[] = [];
  for (const family of Object.keys(families)) {
    cases.push(...(await casesOf(family)));
    if (family === 'moonshine') cases.push(...(await casesOf(family, ['mergedDecoder'])));
  }
  const list = join(folder, 'configs.json');
  await writeFile(list, JSON.stringify(cases.map(({ model }) => familyConfig(model, 1))));
  const child = resolve(import.meta.dirname, 'refuse-configs.child.ts');
  const { stderr } = await promisify(execFile)(process.execPath, [child, list]);
  const said = stderr.split('\f\n');
  for (const [index, each] of cases.entries()) complaints.set(each, said[index] ?? '');
});
after(() => rm(folder, { recursive: true, force: true }));

test('sherpa-onnx misses every file that a manifest names', () => {
  assert.ok(complaints.size > Object.keys(families).length);
  for (const [{ model, missing }, complaint] of complaints) {
    assert.ok(complaint.includes(model.assets[missing]!), `${model.family}, ${missing}: ${complaint}`);
  }
});

/** One model of the family for each of its roles, with every file but that role's. */
async function casesOf(family: string, given: readonly string[] = []): Promise<Case[]> {
  const model: OpenModel = {
    id: 'sample',
    engine: 'sherpa',
    family,
    folder,
    assets: Object.fromEntries(given.map((role) => [role, role])),
    options: {},
    languages: ['en'],
    voices: [],
  };
  const roles = [...familyOf(model).required(model), ...(OPTIONAL[family] ?? [])];
  return await Promise.all(
    roles
      .filter((role) => role !== READ_BY_US && !FOUND_LATER.has(`${family} ${role}`))
      .map(async (missing) => ({ missing, model: { ...model, assets: await filesOf(roles, missing) } })),
  );
}

/** Writes a file without meaning for every role but one. Returns the paths of all. */
async function filesOf(roles: readonly string[], missing: string): Promise<Record<string, string>> {
  const own = await mkdtemp(join(folder, 'model-'));
  for (const role of roles.filter((each) => each !== missing)) {
    if (role === 'dataDir') await mkdir(join(own, role));
    const files = role === 'dataDir' ? ['phontab', 'phonindex', 'phondata', 'intonations'] : [''];
    for (const file of files) await writeFile(join(own, role, file), 'x');
  }
  return Object.fromEntries(roles.map((role) => [role, join(own, role)]));
}
