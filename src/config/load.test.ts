import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, test } from 'node:test';
import { ConfigError } from './config-error.ts';
import { flagOptions } from './layers.ts';
import { type LoadOptions, loadSettings } from './load.ts';
import { fileName, rows } from './names.ts';
import { settingsTable } from './settings.ts';

const folder = mkdtempSync(join(tmpdir(), 'open-speech-load-'));
after(() => rmSync(folder, { recursive: true }));
const KEY = 'Vw3k9Qz7Lr2Xy8Tn5Bp1';

function file(name: string, content: string, mode = 0o600): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
}

function problems(options: LoadOptions): readonly string[] {
  try {
    loadSettings(options);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.problems;
  }
  return assert.fail('it loaded');
}

test('an empty environment gives the defaults, in the unit that code reads', () => {
  const { settings, warnings, sources } = loadSettings({ env: {} });
  assert.equal(settings.host, '127.0.0.1');
  assert.equal(settings.port, 8100);
  assert.equal(settings.authDisabled, false);
  assert.deepEqual(settings.corsOrigins, []);
  assert.equal(settings.limits.uploadBytes, 100 * 1024 * 1024);
  assert.equal(settings.limits.headersTimeoutMs, 15_000);
  assert.deepEqual(warnings, []);
  assert.equal(sources.size, 0);
});

test('an IPv6 address may stand in brackets', () => {
  const { settings } = loadSettings({ env: { OS_HOST: '[::1]', OS_WYOMING_HOST: '[::1]' } });
  assert.deepEqual([settings.host, settings.wyomingHost], ['::1', '::1']);
});

test('every setting has a value, and every name in the settings file is the key that code reads', () => {
  const { settings } = loadSettings({ env: {} });
  for (const { at, setting } of rows) {
    const value = at.length === 1 ? settings[at[0] as 'host'] : settings.limits[at[1] as 'uploadBytes'];
    assert.notEqual(value, undefined, setting.env);
    if (at.length === 1) assert.equal(fileName(setting.env), at[0]);
  }
});

test('no name is taken twice', () => {
  const names = rows.flatMap(({ setting }) => [setting.env, ...(setting.was ?? [])]);
  assert.equal(new Set(names).size, names.length);
});

test('flags win over the environment, the environment over the settings file, the file over the default', () => {
  const path = file('order.yaml', 'port: 1003\nhost: "::1"\nlogLevel: debug\n');
  const { settings, sources } = loadSettings({
    env: { OS_SETTINGS_FILE: path, OS_PORT: '1002', OS_LOG_LEVEL: 'warn' },
    flags: { port: '1001' },
  });
  assert.deepEqual([settings.port, settings.logLevel, settings.host], [1001, 'warn', '::1']);
  assert.equal(sources.get('OS_PORT'), 'flag');
  assert.equal(sources.get('OS_LOG_LEVEL'), 'environment');
  assert.equal(sources.get('OS_HOST'), 'settings file');
  assert.equal(settings.modelTtl, settingsTable.modelTtl.default);
});

test('an empty value counts as not set', () => {
  const path = file('empty.yaml', 'host: ""\nlogLevel:\n');
  const env = { OS_SETTINGS_FILE: path, OS_PORT: '', OS_API_KEY: '', STT_PORT: '', OS_API_KEY_FILE: '' };
  const { settings, warnings, sources } = loadSettings({ env });
  assert.equal(settings.port, 8100);
  assert.equal(settings.apiKey, '');
  assert.deepEqual(warnings, []);
  assert.deepEqual([...sources.keys()], ['OS_SETTINGS_FILE']);
});

test('each kind of value is read from text and from a settings file', () => {
  const json = file(
    'kinds.json',
    JSON.stringify({
      ttsSpeed: 1.5,
      sttEnabled: false,
      modelAliases: ['a=b', 'c=d'],
      OS_MAX_UPLOAD_MB: 2,
      sttModel: 7,
    }),
  );
  const fromFile = loadSettings({ env: { OS_SETTINGS_FILE: json } }).settings;
  assert.equal(fromFile.ttsSpeed, 1.5);
  assert.equal(fromFile.sttEnabled, false);
  assert.deepEqual(fromFile.modelAliases, ['a=b', 'c=d']);
  assert.equal(fromFile.limits.uploadBytes, 2 * 1024 * 1024);
  assert.equal(fromFile.sttModel, '7');

  const env = { TTS_SPEED: ' 0.5 ', STT_ENABLED: 'Off', OS_MODEL_ALIASES: 'a=b, c=d,', OS_MAX_DRAIN_MB: '0.5' };
  const fromEnv = loadSettings({ env }).settings;
  assert.equal(fromEnv.ttsSpeed, 0.5);
  assert.equal(fromEnv.sttEnabled, false);
  assert.deepEqual(fromEnv.modelAliases, ['a=b', 'c=d']);
  assert.equal(fromEnv.limits.drainBytes, 512 * 1024);

  const fromFlags = loadSettings({ env: {}, flags: { 'stt-enabled': false, 'max-upload-mb': '3', port: undefined } });
  assert.equal(fromFlags.settings.sttEnabled, false);
  assert.equal(fromFlags.settings.limits.uploadBytes, 3 * 1024 * 1024);
});

test('every numeric setting takes its bounds and refuses the next value beyond them', () => {
  for (const { setting } of rows) {
    if (setting.kind !== 'int' && setting.kind !== 'number' && setting.kind !== 'limit') continue;
    for (const [bound, beyond] of [
      [setting.min, setting.min - 1],
      [setting.max, setting.max + 1],
    ] as const) {
      loadSettings({ env: { [setting.env]: String(bound) } });
      const [problem = ''] = problems({ env: { [setting.env]: String(beyond) } });
      assert.match(
        problem,
        new RegExp(`^${setting.env} is "${beyond}" but must be .* from ${setting.min} to ${setting.max}`),
      );
    }
  }
});

test('numbers are plain decimals: no other spelling slips through', () => {
  for (const value of ['1e3', '0x50', '80.5', '8 0', 'NaN', 'Infinity', '--1', '80a', '٨٠']) {
    assert.equal(problems({ env: { OS_PORT: value } }).length, 1, value);
  }
});

test('a value outside its range is named with the setting, the value and the range, all problems at once', () => {
  assert.deepEqual(
    problems({ env: { OS_PORT: 'abc', OS_LOG_LEVEL: 'loud', OS_SSL_ENABLED: 'maybe' } }),
    [
      'OS_PORT is "abc" but must be a whole number from 0 to 65535',
      'OS_SSL_ENABLED is "maybe" but must be true or false',
      'OS_LOG_LEVEL is "loud" but must be one of trace, debug, info, warn, error, silent',
    ].sort((a, b) => rank(a) - rank(b)),
  );
});

function rank(problem: string): number {
  return rows.findIndex(({ setting }) => problem.startsWith(`${setting.env} `));
}

test('a mistyped name stops the start and the nearest name is suggested, wherever it was written', () => {
  const path = file('typo.yaml', 'prot: 1\n');
  const found = problems({
    env: { OS_SETTINGS_FILE: path, OS_PROT: '1', STT_MODLE: 'x', TTS_SPEEED: '1', OS_API_KEYFILE: 'x', OTHER: 'fine' },
    flags: { hots: 'x' },
  });
  assert.deepEqual(found, [
    '--hots is not a setting of Open Speech; did you mean --host?',
    'OS_PROT is not a setting of Open Speech; did you mean OS_PORT?',
    'STT_MODLE is not a setting of Open Speech; did you mean STT_MODEL?',
    'TTS_SPEEED is not a setting of Open Speech; did you mean TTS_SPEED?',
    'OS_API_KEYFILE is not a setting of Open Speech; did you mean OS_API_KEY_FILE?',
    `prot in ${path} is not a setting of Open Speech; did you mean port in ${path}?`,
  ]);
});

test('the value of an unknown name is never shown, because it may be a secret', () => {
  assert.ok(
    !problems({ env: { OS_API_KEYS: KEY } })
      .join()
      .includes(KEY),
  );
});

test('names of other programs and of the test suite are not ours', () => {
  loadSettings({ env: { OSTYPE: 'linux', STTY: 'x', OS_TEST_MODELS: '/models' } });
});

test('an old name works with a warning, and the new name wins over it', () => {
  const old = loadSettings({ env: { STT_PORT: '81' } });
  assert.equal(old.settings.port, 81);
  assert.deepEqual(old.warnings, ['STT_PORT is an old name: write OS_PORT']);
  for (const env of [
    { STT_PORT: '81', OS_PORT: '82' },
    { OS_PORT: '82', STT_PORT: '81' },
  ]) {
    const both = loadSettings({ env });
    assert.equal(both.settings.port, 82);
    assert.ok(both.warnings.includes('STT_PORT is ignored, because OS_PORT is set too'));
  }
});

test('every old name of the table still works', () => {
  for (const { setting } of rows) {
    for (const old of setting.was ?? []) {
      const value = setting.kind === 'list' ? 'https://a.example' : setting.kind === 'secret' ? KEY : undefined;
      const same = String(setting.kind === 'limit' ? setting.default : (value ?? setting.default));
      if (same === '') continue;
      const { warnings, sources } = loadSettings({ env: { [old]: same } });
      assert.equal(warnings[0], `${old} is an old name: write ${setting.env}`);
      assert.equal(sources.get(setting.env), 'environment');
    }
  }
});

test('a setting of a later version is checked and said to have no effect', () => {
  assert.deepEqual(loadSettings({ env: { OS_STUDIO_DB_PATH: '/x' } }).warnings, [
    'OS_STUDIO_DB_PATH has no effect in this version',
  ]);
  assert.equal(problems({ env: { OS_BATCH_WORKERS: '-1' } }).length, 1);
});

test('a secret is read from the file that NAME_FILE names, without its last line break', () => {
  const path = file('key', `${KEY}\n`);
  assert.equal(loadSettings({ env: { OS_API_KEY_FILE: path } }).settings.apiKey, KEY);
  assert.equal(loadSettings({ env: {}, flags: { 'api-key-file': path } }).settings.apiKey, KEY);
  const yaml = file('named.yaml', `apiKeyFile: ${path}\n`, 0o644);
  assert.equal(loadSettings({ env: { OS_SETTINGS_FILE: yaml } }).settings.apiKey, KEY);
});

test('a secret in the environment wins over its file, and its file over the settings file', () => {
  const path = file('key2', `${KEY}-file`);
  const yaml = file('secret.yaml', `apiKey: ${KEY}-yaml\n`);
  const env = { OS_SETTINGS_FILE: yaml, OS_API_KEY_FILE: path };
  assert.equal(loadSettings({ env }).settings.apiKey, `${KEY}-file`);
  assert.equal(loadSettings({ env: { ...env, OS_API_KEY: `${KEY}-env` } }).settings.apiKey, `${KEY}-env`);
  assert.equal(loadSettings({ env: { OS_SETTINGS_FILE: yaml } }).settings.apiKey, `${KEY}-yaml`);
});

test('a secret file that others can read stops the start', () => {
  const path = file('loose', KEY, 0o640);
  assert.deepEqual(problems({ env: { OS_API_KEY_FILE: path } }), [
    `OS_API_KEY_FILE: ${path} can be read by other users: chmod 600 ${path}`,
  ]);
  assert.equal(loadSettings({ env: { OS_API_KEY_FILE: path, CREDENTIALS_DIRECTORY: folder } }).settings.apiKey, KEY);
});

test('a secret file that is missing or empty stops the start', () => {
  assert.match(problems({ env: { OS_API_KEY_FILE: join(folder, 'none') } })[0]!, /cannot be read \(ENOENT\)/);
  assert.match(problems({ env: { OS_API_KEY_FILE: file('nothing', '\n') } })[0]!, /names an empty file/);
  assert.match(problems({ env: { OS_API_KEY_FILE: folder } })[0]!, /is not a file/);
});

test('a secret is refused as a flag and in a settings file that others can read, without being shown', () => {
  const yaml = file('open.yaml', `apiKey: ${KEY}\n`, 0o644);
  const found = problems({ env: { OS_SETTINGS_FILE: yaml }, flags: { 'api-key': KEY } });
  assert.equal(found.length, 2);
  assert.match(found[0]!, /^--api-key is not accepted, .* use --api-key-file$/);
  assert.match(found[1]!, /is a secret in a file that other users can read/);
  assert.ok(!found.join().includes(KEY));
});

test('a weak secret is refused without being shown', () => {
  const found = problems({ env: { OS_API_KEY: 'changeme-changeme-changeme' } });
  assert.equal(found.length, 1);
  assert.ok(!found.join().includes('changeme'));
});

test('a settings file that is missing, broken, too clever or no mapping stops the start', () => {
  for (const [name, content] of [
    ['broken.json', '{'],
    ['broken.yaml', 'host: [unclosed'],
    ['twice.yaml', 'port: 1\nport: 2\n'],
    ['tag.yaml', 'host: !!js/function "x"\n'],
    ['bomb.yaml', 'modelAliases: &a [x]\nvoiceAliases: [*a, *a]\n'],
    ['list.yaml', '- port\n'],
    ['deep.yaml', 'modelAliases: [[a]]\n'],
    ['self.yaml', 'settingsFile: other.yaml\n'],
    ['proto.json', '{"__proto__": {"port": 1}, "constructor": 1}'],
  ] as const) {
    assert.ok(problems({ env: { OS_SETTINGS_FILE: file(name, content) } }).length >= 1, name);
  }
  assert.match(problems({ env: { OS_SETTINGS_FILE: join(folder, 'none') } })[0]!, /settings file .* cannot be read/);
});

test('a broken settings file never shows its lines', () => {
  const path = file('leak.yaml', `apiKey: "${KEY}\n`);
  assert.ok(
    !problems({ env: { OS_SETTINGS_FILE: path } })
      .join()
      .includes(KEY),
  );
  const json = file('leak.json', `{"apiKey": ${KEY}}`);
  assert.ok(
    !problems({ env: { OS_SETTINGS_FILE: json } })
      .join()
      .includes(KEY.slice(0, 6)),
  );
});

test('folders are absolute, and those of models and cache lie in the data folder unless named', () => {
  const given = loadSettings({ env: { OS_DATA_DIR: 'data', TTS_CACHE_DIR: '~/cache' } }).settings;
  assert.equal(given.dataDir, resolve('data'));
  assert.equal(given.modelDir, resolve('data/models'));
  assert.equal(given.ttsCacheDir, join(homedir(), 'cache'));
  const xdg = loadSettings({ env: { XDG_DATA_HOME: '/var/share' } }).settings;
  assert.equal(xdg.dataDir, '/var/share/open-speech');
  for (const XDG_DATA_HOME of [undefined, '', 'relative']) {
    const { settings } = loadSettings({ env: { XDG_DATA_HOME } });
    assert.equal(settings.dataDir, join(homedir(), '.local/share/open-speech'));
  }
});

test('the command line knows a flag for every setting', () => {
  const options = flagOptions();
  assert.deepEqual(options['auth-disabled'], { type: 'boolean' });
  assert.deepEqual(options['max-upload-mb'], { type: 'string' });
  assert.deepEqual(options['api-key-file'], { type: 'string' });
  assert.ok(Object.keys(options).length >= rows.length);
});

test('names that other programs share are read without a warning, and ours wins over them', () => {
  const env = {
    HF_TOKEN: 'theirs',
    HTTPS_PROXY: 'http://a',
    https_proxy: 'http://b',
    NO_PROXY: 'x.example,.y.example',
  };
  const shared = loadSettings({ env });
  assert.deepEqual(shared.warnings, []);
  const { hfToken, httpsProxy, noProxy } = shared.settings;
  assert.deepEqual(
    { hfToken, httpsProxy, noProxy },
    { hfToken: 'theirs', httpsProxy: 'http://a', noProxy: ['x.example', '.y.example'] },
  );
  const ours = loadSettings({ env: { ...env, OS_HF_TOKEN: 'ours' } });
  assert.deepEqual([ours.settings.hfToken, ours.warnings], ['ours', []]);
});

test('a settings file that is no plain YAML is told with its line, and never quoted', () => {
  for (const [text, says] of [
    ['port: 1\nhost: secret\nport: 2\n', /line 3 repeats a name$/],
    ['port: !!js/function secret\n', /line 1 has a tag, and settings are plain values$/],
    ['port: 1\nhost: "secret\n', /line \d is not valid YAML \(\w+\)$/],
  ] as const) {
    const path = file('faulty.yaml', text);
    assert.throws(
      () => loadSettings({ env: { OS_SETTINGS_FILE: path } }),
      (error: Error) => says.test(error.message) && !error.message.includes('secret'),
      text,
    );
  }
});
