import { startOpenSpeech } from '../open-speech.ts';
import { openLog } from '../telemetry/log.ts';
import { noteRunningServer } from './backend/running-server.ts';
import { type Command, UsageError } from './command.ts';
import { parseCommand } from './settings.ts';
import { stopSignal } from './terminal/stop-signal.ts';

export const command: Command = {
  help: `Usage: open-speech serve [--port 8100] [--host 127.0.0.1] [--<setting> value]

Runs the server until it is told to stop (Ctrl+C). Running requests may finish then; a second Ctrl+C ends them.
Every setting of docs/settings.md is an option.

Example: OS_DATA_DIR=/srv/speech open-speech serve --port 8100
`,

  async run(args) {
    const { positionals, loadSettings } = parseCommand(args, {});
    if (positionals.length > 0) throw new UsageError(`serve takes options only, not '${positionals[0]}'`);
    const { settings, warnings } = loadSettings();
    const log = openLog({ level: settings.logLevel, secrets: settings.apiKey === '' ? [] : [settings.apiKey] });
    for (const warning of warnings) log.warn('A setting needs attention', { warning });

    process.on('uncaughtException', (error) => log.error('A defect was survived', { error }));
    process.on('unhandledRejection', (error) => log.error('A defect was survived', { error }));

    const server = await startOpenSpeech(settings, log);
    const forget = noteRunningServer(settings.dataDir, server.url);
    log.info('Listening', { url: server.url });
    for (const notice of server.notices) log.warn('Something is missing', { notice });
    if (server.firstKey !== undefined) {
      process.stderr.write(
        `\n  Your API key, shown this once:  ${server.firstKey.token}\n  It is also in ${server.firstKey.path}. More keys: open-speech keys create\n\n`,
      );
    }
    await stopSignal();
    log.info('Stopping');
    forget();
    await server.close();
    log.info('Stopped');
    log.flush();
    return 0;
  },
};
