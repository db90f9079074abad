import type { KnownModel } from '../backend/known-models.ts';
import type { OfferedModel } from '../backend/model-shop.ts';
import { size, table } from '../terminal/output.ts';

/** More than this many names are counted rather than listed. */
const SHOWN = 4;

export function listing(models: readonly KnownModel[]): string {
  const rows = models.map((model) => [
    `${model.id}${model.default ? ' *' : ''}`,
    ...[WORK[model.kind] ?? model.kind, model.state, short(tags(model)), model.licence, model.engine],
  ]);
  const missing = models.filter(({ reason }) => reason !== undefined);
  return (
    table([['MODEL', 'WORK', 'STATE', 'LANGUAGES', 'LICENCE', 'ENGINE'], ...rows]) +
    missing.map((model) => `\n${model.id}: ${whyNot(model)}\n`).join('')
  );
}

export function description(model: KnownModel): string {
  const { speak, transcribe } = model;
  const yes = (can: boolean): string => (can ? 'yes' : 'no');
  const rows: [string, string][] = [
    ['model', `${model.id}${model.default ? ` (the default ${asDefault(model)})` : ''}`],
    ['state', model.reason === undefined ? model.state : `${model.state}: ${whyNot(model)}`],
    ['engine', model.engine],
    ['licence', model.licence],
    ['answers to', model.aliases.join(', ') || '-'],
    ['languages', tags(model).join(', ')],
  ];
  if (speak !== undefined) {
    const { speed } = speak;
    rows.push(
      ['voices', `${speak.voices.length}: ${short(speak.voices.map(({ id }) => id))}`],
      ['speed', speed === null ? 'fixed' : `${speed.min} to ${speed.max}`],
      ['sample rate', `${speak.sampleRate} Hz`],
      ['follows instructions', yes(speak.instructions)],
      ['tells word times', yes(speak.wordMarks)],
    );
  }
  if (transcribe !== undefined) {
    rows.push(
      ['finds the language', yes(transcribe.detectsLanguage)],
      ['tells word times', yes(transcribe.wordTimes)],
      ['translates', yes(transcribe.translate)],
    );
  }
  return table(rows);
}

function whyNot({ reason, remedy }: KnownModel): string {
  return remedy === undefined ? reason! : `${reason!.replace(/\.$/, '')}. Get it with: ${remedy}`;
}

export function short(names: readonly string[]): string {
  const shown = names.slice(0, SHOWN).join(', ');
  return names.length > SHOWN ? `${shown} and ${names.length - SHOWN} more` : shown;
}

/** Models that can be had, with what to know before fetching one. */
export function offers(models: readonly OfferedModel[]): string {
  const rows = models.map((model) => [
    ...[model.id, WORK[model.kind] ?? model.kind, model.present ? 'here' : '-', size(model.sizeBytes)],
    ...[short(tags(model)), words(model.licence), asks(model.consents).join(' ') || '-'],
  ]);
  return table([['MODEL', 'WORK', 'HERE', 'SIZE', 'LANGUAGES', 'LICENCE', 'NEEDS'], ...rows]);
}

/** One model that is not here yet. */
export function offer(model: OfferedModel): string {
  const { id, description, engine, licence, commercialUse, aliases, memoryBytes, sizeBytes } = model;
  return table([
    ['model', id],
    ['what it is', description || '-'],
    ['state', `not here. Get it with: ${pullLine(model)}`],
    ['engine', engine],
    ['size', size(sizeBytes)],
    ['memory', memoryBytes === null ? 'unknown' : `about ${size(memoryBytes)}`],
    ['licence', words(licence)],
    ['commercial use', commercialUse === null ? 'read the licence' : commercialUse ? 'allowed' : 'forbidden'],
    ['answers to', aliases.join(', ') || '-'],
    ['languages', tags(model).join(', ')],
  ]);
}

function pullLine({ id, consents }: OfferedModel): string {
  return ['open-speech models pull', id, ...asks(consents)].join(' ');
}

const WORK: Readonly<Record<string, string>> = { tts: 'speaks', stt: 'hears' };
const asDefault = ({ kind }: KnownModel): string => (WORK[kind] === undefined ? `for ${kind}` : `that ${WORK[kind]}`);
/** `mul` is ISO 639's word for many languages; models that help know no difference between them. */
const tags = ({ languages }: { languages: readonly string[] }): string[] =>
  languages.map((tag) => (tag === 'mul' ? 'any' : tag));
const asks = (consents: readonly string[]): string[] => consents.map((field) => `--${field.replaceAll('_', '-')}`);
const words = (licence: string): string => licence.replaceAll('LicenseRef-', '').replaceAll(' AND ', ', ');
