import { findServer, SERVER_HELP, SERVER_OPTIONS } from './backend/find-server.ts';
import { type KnownModel, knownModels } from './backend/known-models.ts';
import { type Command, UsageError } from './command.ts';
import { parseCommand } from './settings.ts';
import { printable, printJson, table } from './terminal/output.ts';

const OPTIONS = { json: { type: 'boolean' }, ...SERVER_OPTIONS } as const;

export const command: Command = {
  help: `Usage: open-speech models [list] [options]
       open-speech models show <model> [options]

Says which models there are and what they can do, and where one cannot be used, why not and what mends it. A star marks
the default of its kind.

  --json                for programs, with everything that is known
${SERVER_HELP}
Example: open-speech models show espeak
`,

  async run(args) {
    const { options, positionals, loadSettings } = parseCommand(args, OPTIONS);
    const [action = 'list', name, ...others] = positionals;
    if (!['list', 'show'].includes(action)) {
      throw new UsageError(`there is no 'models ${action}'; there are list and show`);
    }
    if (action === 'show' ? name === undefined || others.length > 0 : name !== undefined) {
      throw new UsageError(action === 'show' ? 'name one model to show' : `list takes no '${name}'`);
    }
    const { settings } = loadSettings();
    const models = await knownModels(await findServer(options, settings), settings);
    if (action === 'list') {
      if (options.json) printJson(models);
      else process.stdout.write(listing(models));
      return 0;
    }
    const model = models.find(({ id, aliases }) => id === name || aliases.includes(name!));
    if (model === undefined) {
      throw new Error(`there is no model '${name}'; there are ${models.map(({ id }) => id).join(', ')}`);
    }
    if (options.json) printJson(model);
    else process.stdout.write(printable(description(model)));
    return 0;
  },
};

/** More than this many names are counted rather than listed. */
const SHOWN = 4;

function listing(models: readonly KnownModel[]): string {
  const rows = models.map((model) => [
    `${model.id}${model.default ? ' *' : ''}`,
    ...[model.kind === 'tts' ? 'speaks' : 'hears', model.state, short(model.languages), model.licence, model.engine],
  ]);
  const missing = models.filter(({ reason }) => reason !== undefined);
  return (
    table([['MODEL', 'WORK', 'STATE', 'LANGUAGES', 'LICENCE', 'ENGINE'], ...rows]) +
    missing.map((model) => `\n${model.id}: ${whyNot(model)}\n`).join('')
  );
}

function description(model: KnownModel): string {
  const { speak, transcribe } = model;
  const yes = (can: boolean): string => (can ? 'yes' : 'no');
  const rows: [string, string][] = [
    ['model', `${model.id}${model.default ? ` (the default that ${model.kind === 'tts' ? 'speaks' : 'hears'})` : ''}`],
    ['state', model.reason === undefined ? model.state : `${model.state}: ${whyNot(model)}`],
    ['engine', model.engine],
    ['licence', model.licence],
    ['answers to', model.aliases.join(', ') || '-'],
    ['languages', model.languages.join(', ')],
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

function short(names: readonly string[]): string {
  const shown = names.slice(0, SHOWN).join(', ');
  return names.length > SHOWN ? `${shown} and ${names.length - SHOWN} more` : shown;
}
