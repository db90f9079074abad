import { type KeyInfo, type KeyStore, openKeyStore } from '../accounts/keys.ts';
import { isScope, SCOPES, type Scope } from '../accounts/scopes.ts';
import { prepareDataDir } from '../storage/data-dir.ts';
import { openDatabase } from '../storage/database.ts';
import { type Command, UsageError } from './command.ts';
import { parseCommand } from './settings.ts';
import { printJson, table } from './terminal/output.ts';
import { parseExpiry } from './terminal/time.ts';

const OPTIONS = {
  name: { type: 'string' },
  scope: { type: 'string', multiple: true },
  expires: { type: 'string' },
  'requests-per-minute': { type: 'string' },
  json: { type: 'boolean' },
} as const;

export const command: Command = {
  help: `Usage: open-speech keys create --name <name> [options]
       open-speech keys list [--json]
       open-speech keys revoke <id or beginning of the key>

Works on the data folder itself (OS_DATA_DIR, --data-dir), also while its server runs: a new key is good at once, a
revoked one for a second at most.

  --name <name>              whose or what the key is for
  --scope <scope>            what it may do, once for each of ${SCOPES.join(', ')};
                             speech where none is given
  --expires <time>           a length such as 12h, 30d or 1y, or a day such as 2031-01-31; else it stays good
  --requests-per-minute <n>  a rate of its own instead of OS_RATE_LIMIT
  --json                     for programs

Example: open-speech keys create --name phone --scope speech --expires 30d
`,

  async run(args) {
    const { options, positionals, loadSettings } = parseCommand(args, OPTIONS);
    const [action = 'list', ...words] = positionals;
    const work = { create, list, revoke }[action];
    if (work === undefined) throw new UsageError(`there is no 'keys ${action}'; there are create, list and revoke`);
    const { dataDir, limits } = loadSettings().settings;
    prepareDataDir(dataDir);
    const db = await openDatabase(dataDir);
    try {
      const store = openKeyStore(db, { envKey: '', limits });
      await work(store, words, options);
      return 0;
    } finally {
      await db.destroy();
    }
  },
};

type Options = ReturnType<typeof parseCommand<typeof OPTIONS>>['options'];

async function create(store: KeyStore, words: readonly string[], options: Options): Promise<void> {
  const { name, expires } = options;
  if (words.length > 0) throw new UsageError(`'${words[0]}' has no meaning here; the name goes behind --name`);
  if (name === undefined) throw new UsageError('the key needs a --name, such as --name phone');
  const expiresAt = expires === undefined ? undefined : parseExpiry(expires, Date.now());
  const rate = options['requests-per-minute'];
  const { token, key } = await store.create({
    name,
    scopes: (options.scope ?? ['speech']).map(parseScope),
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(rate === undefined ? {} : { requestsPerMinute: Number(rate) }),
  });
  if (options.json) return printJson({ key: token, ...shown(key) });
  process.stdout.write(`${token}\n`);
  if (process.stderr.isTTY) process.stderr.write('Keep it: it is shown this once.\n');
}

async function list(store: KeyStore, _words: readonly string[], options: Options): Promise<void> {
  const keys = await store.list();
  if (options.json) return printJson(keys.map(shown));
  const day = (ms: number): string => new Date(ms).toISOString().slice(0, 10);
  const minute = (ms: number): string => new Date(ms).toISOString().slice(0, 16).replace('T', ' ');
  const until = (ms: number): string => (ms <= Date.now() ? `ended ${day(ms)}` : day(ms));
  const rows = keys.map((key) => [
    ...[`${key.prefix}…`, key.name, key.scopes.join(' '), day(key.createdAt)],
    key.expiresAt === undefined ? '-' : until(key.expiresAt),
    key.lastUsedAt === undefined ? 'never' : minute(key.lastUsedAt),
    key.id,
  ]);
  process.stdout.write(table([['KEY', 'NAME', 'MAY', 'MADE', 'GOOD UNTIL', 'LAST USED (UTC)', 'ID'], ...rows]));
}

/** Shorter beginnings than this would be slips. */
const MIN_BEGINNING = 6;

async function revoke(store: KeyStore, words: readonly string[], options: Options): Promise<void> {
  const [word, ...others] = words;
  if (word === undefined || others.length > 0) throw new UsageError('say which key: its id, or how it begins');
  if (word.length < MIN_BEGINNING) throw new UsageError(`'${word}' is too short: ${MIN_BEGINNING} characters at least`);
  const matching = (await store.list()).filter(
    ({ id, prefix }) => id.startsWith(word) || prefix.startsWith(word) || word.startsWith(prefix),
  );
  const [key] = matching;
  if (key === undefined) throw new Error(`there is no key that begins with ${word.slice(0, 11)}`);
  if (matching.length > 1) throw new Error(`${matching.length} keys begin with ${word}: use the id`);
  if (!(await store.revoke(key.id))) throw new Error('somebody else has just revoked it');
  if (options.json) printJson(shown(key));
  else process.stdout.write(`Revoked ${key.prefix}… (${key.name}).\n`);
}

function parseScope(written: string): Scope {
  if (!isScope(written)) throw new UsageError(`there is no scope '${written}'; there are ${SCOPES.join(', ')}`);
  return written;
}

/** Times as programs like them. */
function shown({ createdAt, expiresAt, lastUsedAt, ...key }: KeyInfo): object {
  const iso = (ms: number | undefined): string | null => (ms === undefined ? null : new Date(ms).toISOString());
  return { ...key, createdAt: iso(createdAt), expiresAt: iso(expiresAt), lastUsedAt: iso(lastUsedAt) };
}
