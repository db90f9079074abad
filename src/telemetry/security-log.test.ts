import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { openSecurityLog } from './security-log.ts';

const folder = mkdtempSync(join(tmpdir(), 'open-speech-security-log-'));
after(() => rmSync(folder, { recursive: true }));
const DAY = 86_400_000;

function bench(options: { maxBytes?: number; dataDir?: string } = {}) {
  const dataDir = options.dataDir ?? mkdtempSync(join(folder, 'd-'));
  const clock = { now: Date.now() };
  const errors: unknown[] = [];
  const open = () =>
    openSecurityLog({
      dataDir,
      maxBytes: options.maxBytes ?? 1_000_000,
      maxAgeMs: 10 * DAY,
      now: () => clock.now,
      onError: (error) => errors.push(error),
    });
  const logs = join(dataDir, 'logs');
  const all = () =>
    readdirSync(logs)
      .map((file) => readFileSync(join(logs, file), 'utf8'))
      .join('');
  return { open, clock, logs, all, errors, path: join(logs, 'security.log') };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
}

test('a refused caller is noted with its address in a file of its own, 0600 in a folder 0700', async () => {
  const { open, path, logs } = bench();
  const before = process.umask(0);
  const log = open();
  log.record({
    event: 'authentication_failed',
    address: '203.0.113.7',
    route: 'POST /v1/audio/speech',
    requestId: 'r1',
  });
  await log.close();
  process.umask(before);
  const { time, ...line } = JSON.parse(readFileSync(path, 'utf8'));
  assert.deepEqual(line, {
    event: 'authentication_failed',
    address: '203.0.113.7',
    route: 'POST /v1/audio/speech',
    requestId: 'r1',
  });
  assert.ok(Date.parse(time));
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(statSync(logs).mode & 0o777, 0o700);
});

test('a caller that knocks for ever adds a line a minute, with the count, and others are still seen', async () => {
  const { open, clock, path } = bench();
  const log = open();
  const knock = (address: string) => log.record({ event: 'authentication_failed', address, reason: 'wrong key' });
  for (let time = 0; time < 1000; time++) knock('203.0.113.7');
  knock('198.51.100.1');
  clock.now += 60_000;
  knock('203.0.113.7');
  knock('203.0.113.7');
  await log.close();
  const lines = readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    lines.map(({ address, repeats }) => [address, repeats]),
    [
      ['203.0.113.7', undefined],
      ['198.51.100.1', undefined],
      ['203.0.113.7', 999],
      ['203.0.113.7', undefined],
      ['203.0.113.7', 1],
    ],
  );
});

test('a flood from many places remembers a bounded number of them and counts everything', async () => {
  const { open, all } = bench({ maxBytes: 100_000_000 });
  const log = open();
  for (let round = 0; round < 2; round++) {
    for (let index = 0; index < 1500; index++) {
      log.record({ event: 'host_refused', address: `10.0.${index >> 8}.${index & 255}` });
    }
    for (let index = 0; index < 100; index++) log.record({ event: 'host_refused', address: '10.9.9.9' });
  }
  await log.close();
  const counted = all()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line).repeats ?? 1);
  assert.equal(
    counted.reduce((sum, count) => sum + count, 0),
    3200,
  );
});

test('it holds no keys either', async () => {
  const { open, all } = bench();
  const log = open();
  log.record({ event: 'authentication_failed', reason: 'Bearer sk-0123456789abcdefghij ?api_key=hunter2' });
  await log.close();
  assert.ok(!/0123456789|hunter2/.test(all()));
});

test('all its files together stay within their bytes, and the newest lines are kept', async () => {
  const { open, logs, all } = bench({ maxBytes: 10_000 });
  const log = open();
  for (let index = 0; index < 500; index++) {
    log.record({ event: 'authentication_failed', requestId: `r${index}`, reason: 'x'.repeat(50) });
    if (index % 10 === 9) await until(() => all().includes(`"r${index}"`));
  }
  await log.close();
  const bytes = readdirSync(logs).reduce((sum, file) => sum + statSync(join(logs, file)).size, 0);
  assert.ok(bytes <= 10_000, String(bytes));
  assert.ok(all().includes('"r499"'));
  assert.ok(!all().includes('"r0"'));
});

test('a flood that the disk cannot follow is cut, and the next line says how much is missing', async () => {
  const { open, all } = bench({ maxBytes: 100_000_000 });
  const log = open();
  for (let index = 0; index < 30_000; index++) {
    log.record({ event: 'authentication_failed', reason: 'x'.repeat(100) });
  }
  const lineBytes = () => all().indexOf('\n') + 1;
  await until(() => all().length >= lineBytes() * (1 + Math.floor(1024 ** 2 / lineBytes())));
  log.record({ event: 'key_created' });
  await log.close();
  const lines = all().trimEnd().split('\n');
  const { event, lost } = JSON.parse(lines.at(-1)!);
  assert.equal(event, 'key_created');
  assert.equal(lines.length - 1 + lost, 30_000);
});

for (const [how, restarts] of [
  ['in one run', false],
  ['over restarts', true],
] as const) {
  test(`nothing stays longer than its days, ${how}`, async () => {
    const { open, clock, all, logs } = bench();
    let log = open();
    for (let day = 0; day <= 10; day++) {
      log.record({ event: 'key_created', requestId: `day${day}.` });
      await until(() => all().includes(`day${day}.`));
      if (restarts) {
        await log.close();
        // The test's clock runs ahead of the file system's.
        utimesSync(join(logs, 'security.log'), new Date(clock.now), new Date(clock.now));
        log = open();
      }
      clock.now += DAY;
    }
    await log.close();
    assert.doesNotMatch(all(), /day0\./);
    assert.match(all(), /day9\.[\s\S]*day10\.|day10\.[\s\S]*day9\./);
  });
}

test('files that an earlier run left long ago go at the start', async () => {
  const { open, logs, clock } = bench();
  mkdirSync(logs, { recursive: true });
  for (const name of ['security.log.1', 'security.log.4']) {
    writeFileSync(join(logs, name), 'old\n');
    utimesSync(join(logs, name), new Date(clock.now - 11 * DAY), new Date(clock.now - 11 * DAY));
  }
  await open().close();
  assert.deepEqual(readdirSync(logs), []);
});

test('a later run adds to the file', async () => {
  const { open, all } = bench();
  for (const requestId of ['first', 'second']) {
    const log = open();
    log.record({ event: 'key_revoked', requestId });
    await log.close();
  }
  assert.match(all(), /first[\s\S]*second/);
});

test('a log that cannot be written is reported and stops nothing', async () => {
  const { open, path, errors } = bench();
  const log = open();
  mkdirSync(path);
  log.record({ event: 'key_created' });
  await log.close();
  assert.equal((errors[0] as NodeJS.ErrnoException).code, 'EISDIR');
  assert.ok(existsSync(path));
});
