import { findServer, SERVER_HELP, SERVER_OPTIONS, type ServerChoice } from './backend/find-server.ts';
import { type Command, UsageError } from './command.ts';
import { parseCommand } from './settings.ts';

const OPTIONS = {
  json: { type: 'boolean' },
  available: { type: 'boolean' },
  'allow-single-source': { type: 'boolean' },
  'accept-licence': { type: 'boolean' },
  'accept-signer': { type: 'string' },
  language: { type: 'string' },
  clear: { type: 'boolean' },
  ...SERVER_OPTIONS,
} as const;

export type ModelsOptions = ReturnType<typeof parseCommand<typeof OPTIONS>>['options'];

/** How many words each action takes, for people and as a range. */
const ACTIONS: Readonly<Record<string, { takes: string; words: readonly [number, number] }>> = {
  list: { takes: 'nothing', words: [0, 0] },
  show: { takes: 'one model to show', words: [1, 1] },
  pull: { takes: 'a model to fetch, or first or recommended', words: [1, 100] },
  cancel: { takes: 'a model that is being fetched', words: [1, 100] },
  rm: { takes: 'a model to remove', words: [1, 100] },
  load: { takes: 'a model to load', words: [1, 100] },
  unload: { takes: 'a model to unload', words: [1, 100] },
  pin: { takes: 'a model to keep in memory', words: [1, 100] },
  unpin: { takes: 'a model to keep no longer', words: [1, 100] },
  default: { takes: 'nothing, or stt or tts and a model', words: [0, 2] },
  alias: { takes: 'nothing, or a name and the model that it stands for', words: [0, 2] },
  doctor: { takes: 'models to examine, or nothing for all', words: [0, 100] },
  verify: { takes: 'models to verify, or nothing for all', words: [0, 100] },
  export: { takes: 'a model and the file to write', words: [2, 2] },
  import: { takes: 'the file of a bundle', words: [1, 1] },
};

export const command: Command = {
  help: `Usage: open-speech models [list] [--available] [options]
       open-speech models show <model> [options]
       open-speech models pull <model>…|first|recommended [options]
       open-speech models cancel|rm <model> [options]
       open-speech models load|unload|pin|unpin <model> [options]
       open-speech models default [stt|tts <model>] [--language <tag>] [--clear] [options]
       open-speech models alias [<name> <model>] [--clear] [options]
       open-speech models doctor [<model>]
       open-speech models verify [<model>]
       open-speech models export <model> <file>
       open-speech models import <file> [options]

list and show say which models there are and what they can do, and where one cannot be used, why not and what mends
it; a star marks the default of its kind. pull fetches models one after the other and checks every byte of them: those that
are named, the two small ones that a first start fetches, or the two that most people want. Ctrl+C ends it, but not what a
server fetches for it: that is what cancel is for. What has come is kept, and the next pull goes on from there. rm deletes
a model's files, verify hashes them anew. export and import carry a model to a network without a way out, in one signed file.

load and unload say what is in the memory of a server; a pinned model stays there and is loaded at every start. default
says which model callers get who name none, in a language or in all others; alias gives a model one more name. doctor
examines models: are the files right, is the engine there, does it load, does it answer.

  --available            list what can be had, too, with sizes and licences
  --allow-single-source  take a model whose hashes one source alone vouches for
  --accept-licence       take a model whose licence does not allow commercial use, or has terms of its own
  --accept-signer <key>  import a bundle that this key's owner has signed (its fingerprint)
  --language <tag>       the language that default is about, such as de or pt-BR
  --clear                take a default or an alias back
  --json                 for programs, with everything that is known
${SERVER_HELP}verify, export, import and doctor work in the models folder itself (OS_MODEL_DIR).

Example: open-speech models pull recommended
         open-speech models default stt whisper-small --language de
`,

  async run(args) {
    const { options, positionals, loadSettings } = parseCommand(args, OPTIONS);
    const [action = 'list', ...words] = positionals;
    if (!Object.hasOwn(ACTIONS, action)) {
      throw new UsageError(`there is no 'models ${action}'; there are ${Object.keys(ACTIONS).join(', ')}`);
    }
    const { takes, words: range } = ACTIONS[action]!;
    if (words.length < range[0]) throw new UsageError(`name ${takes}`);
    if (words.length > range[1]) throw new UsageError(`${action} takes ${takes}, not '${words.at(-1)}'`);
    const { settings } = loadSettings();
    const findHere = (): ReturnType<typeof findServer> => findServer(options as ServerChoice, settings);
    if (action === 'list' || action === 'show') {
      const { list, show } = await import('./models/look.ts');
      const server = await findHere();
      return action === 'list'
        ? await list(server, settings, options)
        : await show(words[0]!, server, settings, options);
    }
    if (action === 'pull' || action === 'cancel' || action === 'rm') {
      const { pull, cancel, remove } = await import('./models/change.ts');
      const work = { pull, cancel, rm: remove }[action];
      return await work(words, await findHere(), settings, options);
    }
    if (action === 'load' || action === 'unload' || action === 'pin' || action === 'unpin') {
      const { memory } = await import('./models/memory.ts');
      return await memory(action, words, await findHere(), settings, options);
    }
    if (action === 'default' || action === 'alias') {
      const { aliases, defaults } = await import('./models/choices.ts');
      return await (action === 'default' ? defaults : aliases)(words, await findHere(), settings, options);
    }
    if (options.url !== undefined) throw new UsageError(`${action} works in the models folder itself, not with --url`);
    if (action === 'doctor') {
      const { examine } = await import('./models/doctor.ts');
      return await examine(words, settings, options);
    }
    const folder = await import('./models/folder.ts');
    if (action === 'verify') return await folder.verify(words, settings, options);
    if (action === 'export') return await folder.exportModel(words[0]!, words[1]!, settings, options);
    return await folder.importModel(words[0]!, settings, options);
  },
};
