import type { Settings } from '../../config/kinds.ts';
import type { SpeakCapability, TranscribeCapability } from '../../engines/contract.ts';
import type { ModelKind } from '../../models/manifest.ts';
import type { SpeechService } from '../../speech/service.ts';
import { call, type ServerAddress, textOf } from './http.ts';

/** A model as `open-speech models` shows it: what `GET /v1/capabilities` says of it. */
export interface KnownModel {
  id: string;
  kind: ModelKind;
  engine: string;
  licence: string;
  languages: readonly string[];
  aliases: readonly string[];
  state: string;
  /** Why it cannot be used, and the line that mends it. */
  reason?: string;
  remedy?: string;
  /** It is what a caller gets who names no model. */
  default: boolean;
  speak?: SpeakCapability;
  transcribe?: TranscribeCapability;
}

const ANSWER_MS = 10_000;

/** The models of a server, or of this machine, with what they can do. */
export async function knownModels(server: ServerAddress | undefined, settings: Settings): Promise<KnownModel[]> {
  if (server === undefined) return await modelsHere(settings);
  const response = await call(server, { method: 'GET', path: '/v1/capabilities', idleMs: ANSWER_MS });
  const { models, defaults } = JSON.parse(await textOf(response)) as {
    models: Omit<KnownModel, 'default'>[];
    defaults: Partial<Record<ModelKind, string | null>>;
  };
  return models.map((model) => ({ ...model, default: defaults[model.kind] === model.id }));
}

/** The models of this machine. Starts nothing. */
async function modelsHere(settings: Settings): Promise<KnownModel[]> {
  const { OwnBackend } = await import('./own-backend.ts');
  const backend = await OwnBackend.open(settings);
  try {
    return describeModels(backend.service);
  } finally {
    await backend.close();
  }
}

export function describeModels({ catalog, names }: Pick<SpeechService, 'catalog' | 'names'>): KnownModel[] {
  return catalog.list().map((model) => {
    const { id, kind, engine, licence, languages } = model.manifest;
    return {
      ...{ id, kind, engine, licence, languages },
      aliases: names.aliases(model),
      state: model.available ? 'available' : 'unavailable',
      ...(model.reason === undefined ? {} : { reason: model.reason }),
      ...(model.remedy === undefined ? {} : { remedy: model.remedy }),
      default: names.default(kind) === model,
      ...model.capabilities,
    };
  });
}
