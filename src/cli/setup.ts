import { type Command, UsageError } from './command.ts';
import { parseCommand } from './settings.ts';
import { ensurePackages, NEEDED_BY_TESTS, RECOGNISER, USED_BY_TESTS } from './setup/packages.ts';
import { ensurePage } from './setup/page.ts';
import type { Step } from './setup/step.ts';
import { ensureVosk } from './setup/vosk.ts';
import { interruptible } from './terminal/interrupt.ts';
import { printJson } from './terminal/output.ts';

const OPTIONS = {
  tests: { type: 'boolean' },
  vosk: { type: 'boolean' },
  'dry-run': { type: 'boolean' },
  json: { type: 'boolean' },
} as const;

export const command: Command = {
  help: `Usage: open-speech setup [--tests] [--vosk] [--dry-run]

Installs the packaged recogniser on Debian and Ubuntu, as root or with sudo that asks for no password, and builds the
page. Elsewhere it says what to run. It is never required, changes nothing where all is there, and can be run again at
any time. What cannot be had is a warning, and the status stays 0.

  --tests               also what the project's own tests use; with CI=true it fails where something is missing
  --vosk                also the library that Vosk models need, from npm
  --dry-run             only say what would be done
  --json                for programs

Example: npm run setup -- --dry-run
`,

  run(args) {
    const { options, positionals, loadSettings } = parseCommand(args, OPTIONS);
    if (positionals.length > 0) throw new UsageError(`setup takes options only, not '${positionals[0]}'`);
    const { settings } = loadSettings();
    return interruptible(async (signal) => {
      const how = { dryRun: options['dry-run'] ?? false, signal };
      const steps: Step[] = [];
      const take = (step: Step): void => {
        steps.push(step);
        if (!options.json) process.stdout.write(sentence(step));
      };
      take(await ensurePackages('recogniser', RECOGNISER, [], how));
      if (options.tests) take(await ensurePackages('tests', NEEDED_BY_TESTS, USED_BY_TESTS, how));
      if (options.vosk || options.tests) take(await ensureVosk(settings, how));
      take(await ensurePage(how));
      const missing = steps.some(({ state }) => state === 'missing');
      if (options.json) printJson({ complete: !missing, steps });
      return missing && options.tests && process.env.CI === 'true' ? 1 : 0;
    });
  },
};

function sentence({ name, says, line }: Step): string {
  return `${name}: ${says}${line === undefined ? '' : `\n  ${line}`}\n`;
}
