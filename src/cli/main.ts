/** `open-speech <command>`. Each command lives in its own file, which is loaded only when it is asked for. */
import type { Command } from './command.ts';

const COMMANDS: Readonly<Record<string, { summary: string; load: () => Promise<{ command: Command }> }>> = {
  serve: { summary: 'run the server', load: () => import('./serve.ts') },
  speak: { summary: 'turn text into speech', load: () => import('./speak.ts') },
  transcribe: { summary: 'turn recordings into text', load: () => import('./transcribe.ts') },
  models: { summary: 'list, fetch, verify and remove models', load: () => import('./models.ts') },
  keys: { summary: 'create, list and revoke API keys', load: () => import('./keys.ts') },
  bridge: {
    summary: 'bring Wyoming clients without keys to a server that asks for one',
    load: () => import('./bridge.ts'),
  },
  doctor: { summary: 'check what works on this machine', load: () => import('./doctor.ts') },
  setup: { summary: 'install what is missing and build the page', load: () => import('./setup.ts') },
};

const HELP = `Usage: open-speech <command> [options]

${Object.entries(COMMANDS)
  .map(([name, { summary }]) => `  ${name.padEnd(12)}${summary}`)
  .join('\n')}

\`open-speech <command> --help\` shows a command's options and an example.
Every setting of docs/settings.md is an option of every command, too: OS_PORT is --port.

Example: open-speech speak "Hello there" -o hello.wav && open-speech transcribe hello.wav
`;

/** The words are wrong, or the settings are. */
const MISUSED = 2;

process.stdout.on('error', leave);
const [name = 'help', ...args] = process.argv.slice(2);
process.exitCode = await main(name, args);

async function main(name: string, args: readonly string[]): Promise<number> {
  if (name === 'help' && args[0] !== undefined) return main(args[0], ['--help']);
  if (['help', '--help', '-h'].includes(name)) {
    process.stdout.write(HELP);
    return 0;
  }
  if (name === '--version' || name === '-v') {
    const { default: manifest } = await import('../../package.json', { with: { type: 'json' } });
    process.stdout.write(`${manifest.version}\n`);
    return 0;
  }
  if (!Object.hasOwn(COMMANDS, name)) {
    const { nearestName } = await import('../config/names.ts');
    const nearest = nearestName(name, Object.keys(COMMANDS));
    const hint = nearest === undefined ? 'see open-speech --help' : `did you mean ${nearest}?`;
    process.stderr.write(`open-speech: there is no command '${name}'; ${hint}\n`);
    return MISUSED;
  }
  const { command } = await COMMANDS[name]!.load();
  if (asksForHelp(args)) {
    process.stdout.write(command.help);
    return 0;
  }
  try {
    return await command.run(args);
  } catch (error) {
    const { explain } = await import('./explain.ts');
    const { status, message } = explain(error);
    if (message !== undefined) process.stderr.write(`open-speech ${name}: ${message}\n`);
    return status;
  }
}

/** Words behind `--` are texts and file names. */
function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  return (end === -1 ? args : args.slice(0, end)).some((word) => word === '--help' || word === '-h');
}

/** Nothing more can be written: whoever read it has left, as `head` does, or there is no room for it. */
function leave(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit();
  void import('./explain.ts').then(({ explain }) => {
    process.stderr.write(`open-speech: ${explain(error).message}\n`);
    process.exit(1);
  });
}
