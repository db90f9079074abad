import type { Settings } from '../../config/kinds.ts';
import { TASKS } from '../../models/choices.ts';
import { chooseAlias, chooseDefault } from '../../models/choose.ts';
import type { ChosenDefault, ModelAlias } from '../../models/names-chosen.ts';
import { call, type ServerAddress, textOf } from '../backend/http.ts';
import { UsageError } from '../command.ts';
import type { ModelsOptions } from '../models.ts';
import { printJson, table } from '../terminal/output.ts';
import { withChoices } from './choices-here.ts';

const ANSWER_MS = 10_000;

/** `models default`: lists the defaults that were chosen, or chooses one, or with `--clear` takes it back. */
export async function defaults(
  [written, name]: readonly string[],
  server: ServerAddress | undefined,
  settings: Settings,
  { json, clear, language: tag }: ModelsOptions,
): Promise<number> {
  const language = tag ?? null;
  const task = TASKS.find((each) => each === written);
  if (written === undefined) {
    if (clear || language !== null) throw new UsageError('name the task: stt or tts');
  } else if (task === undefined) {
    throw new UsageError(`there is no task '${written}'; there are ${TASKS.join(' and ')}`);
  } else if ((name === undefined) !== (clear ?? false)) {
    throw new UsageError('name a model, or give --clear to take the choice back');
  }
  const show = (list: readonly ChosenDefault[]): void => {
    if (json) printJson(list);
    else if (list.length === 0) process.stdout.write('nothing was chosen: callers get the best model there is\n');
    else {
      const rows = list.map((each) => [each.task, each.language ?? 'all others', each.model, chosenBy(each)]);
      process.stdout.write(table([['TASK', 'LANGUAGE', 'MODEL', 'FROM'], ...rows]));
    }
  };
  if (server !== undefined) {
    const body = task === undefined ? undefined : { task, language, model: name ?? null };
    show((await ask<{ defaults: ChosenDefault[] }>(server, '/api/defaults', body)).defaults);
    return 0;
  }
  return await withChoices(settings, (service) => {
    if (task !== undefined) chooseDefault(service, task, language, name ?? null);
    show(service.names.defaults());
    return 0;
  });
}

/** `models alias`: lists the names that stand for models, or makes one, or with `--clear` takes it back. */
export async function aliases(
  [alias, name]: readonly string[],
  server: ServerAddress | undefined,
  settings: Settings,
  { json, clear }: ModelsOptions,
): Promise<number> {
  if (alias === undefined && clear) throw new UsageError('name the alias to take back');
  if (alias !== undefined && (name === undefined) !== (clear ?? false)) {
    throw new UsageError('name the model that it stands for, or give --clear to take it back');
  }
  const show = (list: readonly ModelAlias[]): void => {
    if (json) printJson(list);
    else {
      const rows = list.map((each) => [each.alias, each.model, FROM[each.source]]);
      process.stdout.write(table([['ALIAS', 'MODEL', 'FROM'], ...rows]));
    }
  };
  if (server !== undefined) {
    const body = alias === undefined ? undefined : { alias, model: name ?? null };
    show((await ask<{ aliases: ModelAlias[] }>(server, '/api/aliases', body)).aliases);
    return 0;
  }
  return await withChoices(settings, (service) => {
    if (alias !== undefined) chooseAlias(service, alias, name ?? null);
    show(service.names.aliasList());
    return 0;
  });
}

const FROM = { manifest: 'the model', setting: 'OS_MODEL_ALIASES', operator: 'models alias' } as const;

function chosenBy({ task, language, source }: ChosenDefault): string {
  if (source === 'operator') return 'models default';
  return language === null ? `${task.toUpperCase()}_MODEL` : 'OS_DEFAULT_MODELS';
}

async function ask<T>(server: ServerAddress, path: string, body: object | undefined): Promise<T> {
  const change = {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  } as const;
  const request = { path, idleMs: ANSWER_MS, ...(body === undefined ? { method: 'GET' as const } : change) };
  return JSON.parse(await textOf(await call(server, request))) as T;
}
