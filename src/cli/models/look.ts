import type { Settings } from '../../config/kinds.ts';
import type { ServerAddress } from '../backend/http.ts';
import { knownModels } from '../backend/known-models.ts';
import { offeredModels } from '../backend/model-shop.ts';
import type { ModelsOptions } from '../models.ts';
import { printable, printJson } from '../terminal/output.ts';
import { description, listing, offer, offers } from './listing.ts';

/** `models list`: what is here, or with `--available` what can be had. */
export async function list(
  server: ServerAddress | undefined,
  settings: Settings,
  { json, available }: ModelsOptions,
): Promise<number> {
  if (available) {
    const models = (await offeredModels(server, settings)).filter(({ packaged }) => !packaged);
    if (json) printJson(models);
    else process.stdout.write(offers(models));
    return 0;
  }
  const models = await knownModels(server, settings);
  if (json) printJson(models);
  else process.stdout.write(listing(models));
  return 0;
}

/** `models show`: one model that is here or can be had. */
export async function show(
  name: string,
  server: ServerAddress | undefined,
  settings: Settings,
  { json }: ModelsOptions,
): Promise<number> {
  const is = ({ id, aliases }: { id: string; aliases: readonly string[] }): boolean =>
    id === name || aliases.includes(name);
  const known = await knownModels(server, settings);
  const model = known.find(is);
  if (model !== undefined) {
    if (json) printJson(model);
    else process.stdout.write(printable(description(model)));
    return 0;
  }
  const offered = (await offeredModels(server, settings)).find(is);
  if (offered === undefined) {
    const there = known.map(({ id }) => id).join(', ');
    throw new Error(`there is no model '${name}'; there are ${there}, and more with models list --available`);
  }
  if (json) printJson(offered);
  else process.stdout.write(printable(offer(offered)));
  return 0;
}
