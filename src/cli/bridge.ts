import { readFileSync } from 'node:fs';
import { isLoopbackHost } from '../security/addresses.ts';
import { openLog } from '../telemetry/log.ts';
import { startBridge } from '../wyoming/bridge.ts';
import { type Command, UsageError } from './command.ts';
import { parseCommand } from './settings.ts';
import { stopSignal } from './terminal/stop-signal.ts';

const OPTIONS = {
  to: { type: 'string' },
  listen: { type: 'string', default: '127.0.0.1:10400' },
  tls: { type: 'boolean' },
  ca: { type: 'string' },
  'over-open-network': { type: 'boolean' },
} as const;

export const command: Command = {
  help: `Usage: open-speech bridge --to <host>:<port> [options]

Brings Wyoming clients that know neither keys nor TLS, such as Home Assistant, to a server that asks for them
(OS_WYOMING_KEY_REQUIRED, OS_WYOMING_TLS). Runs beside the client until it is told to stop. The key of the server is
OS_API_KEY, or in the file that OS_API_KEY_FILE names; it needs the scope speech.

  --to <host>:<port>      where the server serves Wyoming
  --tls                   reach it by TLS
  --ca <file>             the certificate to trust (PEM), where the server made its own
  --listen <host>:<port>  where clients connect, on this machine only; 127.0.0.1:10400 where left out
  --over-open-network     send the key without TLS: only through a tunnel that hides it

Example: OS_API_KEY_FILE=~/speech.key open-speech bridge --to speech.example.org:10400 --tls
`,

  async run(args) {
    const { options, positionals, loadSettings } = parseCommand(args, OPTIONS);
    if (positionals.length > 0) throw new UsageError(`bridge takes options only, not '${positionals[0]}'`);
    if (options.to === undefined)
      throw new UsageError('say where the server is, such as --to speech.example.org:10400');
    const server = { ...parseAddress(options.to, '--to'), tls: options.tls ?? false, ca: readCertificate(options.ca) };
    const own = parseAddress(options.listen, '--listen');
    if (!isLoopbackHost(own.host)) {
      throw new UsageError(
        'whoever reaches the bridge speaks with the key: --listen takes addresses of this machine only',
      );
    }
    if (!server.tls && !isLoopbackHost(server.host) && options['over-open-network'] !== true) {
      throw new UsageError(
        'without --tls the key crosses the network in the open; --over-open-network allows it where a tunnel hides it',
      );
    }
    const { apiKey, limits, logLevel } = loadSettings().settings;
    if (apiKey === '') throw new UsageError('there is no key: set OS_API_KEY or OS_API_KEY_FILE');
    const log = openLog({ level: logLevel, secrets: [apiKey] });
    const bridge = await startBridge({
      ...{ ...own, server, key: apiKey, log },
      ...{ maxConnections: limits.wyomingConnections, idleMs: limits.wyomingLifetimeMs },
    });
    log.info('Wyoming clients are brought to the server', { port: bridge.port, to: options.to });
    await stopSignal();
    await bridge.close();
    log.flush();
    return 0;
  },
};

/** A host and a port; an IPv6 address stands in brackets. */
function parseAddress(written: string, option: string): { host: string; port: number } {
  const [, bracketed, plain, port] = /^(?:\[([\da-f:.]+)\]|([^:[\]/\s]+)):(\d{1,5})$/i.exec(written) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || Number(port) > 65_535)
    throw new UsageError(`${option} takes <host>:<port>, not '${written}'`);
  return { host, port: Number(port) };
}

function readCertificate(path: string | undefined): Buffer | undefined {
  if (path === undefined) return undefined;
  try {
    return readFileSync(path);
  } catch (error) {
    throw new UsageError(`--ca: ${(error as Error).message}`);
  }
}
