import { ConfigError } from '../config/config-error.ts';
import type { LoadedSettings } from '../config/load.ts';
import { type Command, UsageError } from './command.ts';
import { checkMachine, checkSettingsOf } from './doctor/machine.ts';
import { type Finding, reportOf, reportText } from './doctor/report.ts';
import { parseCommand } from './settings.ts';
import { interruptible } from './terminal/interrupt.ts';
import { printJson } from './terminal/output.ts';
import { showProgress } from './terminal/progress.ts';

const OPTIONS = { json: { type: 'boolean' } } as const;

export const command: Command = {
  help: `Usage: open-speech doctor [--json]

Checks what works on this machine: settings, data folder, engines, models and audio formats. It speaks a sentence and
transcribes it, and says what to run for whatever is missing. The status is 1 if something essential fails.

  --json                for programs

Example: open-speech doctor
`,

  run(args) {
    const { options, positionals, loadSettings } = parseCommand(args, OPTIONS);
    if (positionals.length > 0) throw new UsageError(`doctor takes options only, not '${positionals[0]}'`);
    return interruptible(async (signal) => {
      let current = 'the machine';
      const progress = showProgress(() => `checking ${current} …`);
      const findings: Finding[] = [];
      const take = async (found: Iterable<Finding> | AsyncIterable<Finding>): Promise<void> => {
        for await (const finding of found) {
          current = `${finding.area}, after ${finding.name}`;
          findings.push(finding);
        }
      };
      try {
        await take(checkMachine());
        const loaded = tryLoading(loadSettings, findings);
        if (loaded !== undefined) {
          await take(checkSettingsOf(loaded));
          const { checkSpeech } = await import('./doctor/speech.ts');
          await take(checkSpeech(loaded.settings, signal));
        }
      } finally {
        progress.end();
      }
      const report = reportOf(findings);
      if (options.json) printJson(report);
      else process.stdout.write(reportText(report));
      return report.ok ? 0 : 1;
    });
  },
};

/** Settings that are wrong are a finding, and nothing can be said beyond them. */
function tryLoading(load: () => LoadedSettings, findings: Finding[]): LoadedSettings | undefined {
  try {
    return load();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const says of error.problems) findings.push({ area: 'settings', name: 'problem', state: 'failed', says });
    return undefined;
  }
}
