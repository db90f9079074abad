import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { after, afterEach, test } from 'node:test';
import { makeArchive } from '../../../test/support/archives.ts';
import type { Settings } from '../../config/kinds.ts';
import { loadSettings } from '../../config/load.ts';
import { VOSK_PACKAGE, voskFolder } from '../../engines/vosk/places.ts';
import { ensureVosk, type VoskSource } from './vosk.ts';

const folder = mkdtempSync(join(tmpdir(), 'open-speech-setup-vosk-'));
const { PATH } = process.env;
after(() => rmSync(folder, { recursive: true }));
afterEach(() => {
  process.env.PATH = PATH;
});

const now = { dryRun: false, signal: new AbortController().signal };
const machine = `${process.platform}-${process.arch}`;
const NAME = { darwin: 'libvosk.dylib', win32: 'libvosk.dll' }[process.platform as string] ?? 'libvosk.so';

function machineSettings(env: Record<string, string> = {}): Settings {
  const dataDir = mkdtempSync(join(folder, 'data-'));
  return loadSettings({ env: { OS_DATA_DIR: dataDir, ...env } }).settings;
}

/** An npm that is a script: it packs what it is given, and remembers what it was asked for. */
function npm(archive: Buffer | undefined): { asked: () => string[] } {
  const bin = mkdtempSync(join(folder, 'bin-'));
  const file = join(bin, 'vosk.tgz');
  if (archive !== undefined) writeFileSync(file, archive);
  const act =
    archive === undefined
      ? `echo '{"error": {"summary": "404 Not Found"}}'; exit 1`
      : `for to; do :; done; cp ${file} "$to/"`;
  writeFileSync(join(bin, 'npm'), `#!/bin/sh\necho "$*" >> ${join(bin, 'asked')}\n${act}\n`);
  chmodSync(join(bin, 'npm'), 0o755);
  process.env.PATH = `${bin}${delimiter}/usr/bin${delimiter}/bin`;
  return {
    asked: () => (existsSync(join(bin, 'asked')) ? readFileSync(join(bin, 'asked'), 'utf8').trim().split('\n') : []),
  };
}

function packed(entries: Record<string, string>): Buffer {
  return makeArchive(
    'tar.gz',
    Object.entries(entries).map(([name, content]) => ({ name, content: Buffer.from(content) })),
  );
}

/** Tests look for no library that the system has: the last argument of `ensureVosk`. */
const source = (archive: Buffer): VoskSource => ({
  spec: 'vosk@1.2.3',
  integrity: `sha512-${createHash('sha512').update(archive).digest('base64')}`,
  folders: { [machine]: 'mine' },
});
const archive = packed({
  'package/package.json': '{"scripts":{"install":"exit 1"}}',
  [`package/lib/mine/${NAME}`]: 'the library',
  'package/lib/mine/helper.dll': 'what it loads',
  'package/lib/other/libvosk.so': 'for another machine',
});

test('the library for this machine is taken out of the package, and nothing else', async () => {
  const settings = machineSettings();
  const { asked } = npm(archive);
  const step = await ensureVosk(settings, now, source(archive), []);
  assert.deepEqual([step.state, step.name], ['done', 'vosk'], step.says);
  const target = voskFolder(settings.dataDir);
  assert.deepEqual(readdirSync(target).sort(), ['helper.dll', NAME].sort());
  assert.equal(readFileSync(join(target, NAME), 'utf8'), 'the library');
  assert.deepEqual(readdirSync(dirname(target)), [target.slice(dirname(target).length + 1)]);
  assert.match(asked()[0]!, /^pack vosk@1\.2\.3 --ignore-scripts /);
  assert.equal((await ensureVosk(settings, now, source(archive), [])).state, 'present');
  assert.equal(asked().length, 1);
});

test('a package with other bytes than were pinned is not unpacked', async () => {
  const settings = machineSettings();
  npm(packed({ [`package/lib/mine/${NAME}`]: 'another library' }));
  const step = await ensureVosk(settings, now, source(archive), []);
  assert.deepEqual([step.state, step.line], ['missing', 'npm run setup -- --vosk']);
  assert.match(step.says, /vosk@1\.2\.3 is not what it was when it was pinned/);
  assert.deepEqual(readdirSync(join(settings.dataDir, 'libraries')), []);
});

test('where npm cannot fetch it, what npm said is told, and what was cut short before is gone', async () => {
  const settings = machineSettings();
  mkdirSync(join(settings.dataDir, 'libraries/.fetching/unpacked'), { recursive: true });
  npm(undefined);
  const step = await ensureVosk(settings, now, source(archive), []);
  assert.match(step.says, /could not be had \(404 Not Found\)/);
  assert.deepEqual(readdirSync(join(settings.dataDir, 'libraries')), []);
});

test('a dry run fetches nothing and says what would', async () => {
  const settings = machineSettings();
  const { asked } = npm(archive);
  const step = await ensureVosk(settings, { ...now, dryRun: true }, source(archive), []);
  assert.deepEqual([step.state, step.line], ['planned', 'npm pack vosk@1.2.3']);
  assert.deepEqual([asked(), existsSync(join(settings.dataDir, 'libraries'))], [[], false]);
});

test('a machine that the package has nothing for, one without npm and a setting that names no file are told what to do', async () => {
  const settings = machineSettings();
  npm(archive);
  const none = await ensureVosk(settings, now, { ...source(archive), folders: {} }, []);
  assert.deepEqual([none.state, none.line], ['skipped', 'python3 -m pip install --user vosk']);
  process.env.PATH = folder;
  assert.match((await ensureVosk(settings, now, source(archive), [])).says, /needs npm/);
  const named = machineSettings({ OS_VOSK_LIBRARY: join(folder, 'none.so') });
  assert.match((await ensureVosk(named, now, source(archive), [])).says, /OS_VOSK_LIBRARY names is not there/);
});

test('the pinned package is named with its exact version and hash', () => {
  assert.match(VOSK_PACKAGE.spec, /^vosk@\d+\.\d+\.\d+$/);
  assert.equal(Buffer.from(VOSK_PACKAGE.integrity.replace('sha512-', ''), 'base64').length, 64);
});
