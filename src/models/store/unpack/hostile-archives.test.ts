import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import {
  ARCHIVE_FORMATS,
  type ArchiveFormat,
  makeArchive,
  makeTar,
  makeZip,
  paxRecord,
  type TestEntry,
  tarRecord,
} from '../../../../test/support/archives.ts';
import { bzip2 } from '../../../../test/support/bzip2.ts';
import { storeSettings } from '../../../../test/support/model-store.ts';
import type { Settings } from '../../../config/kinds.ts';
import { unpackArchive } from '../unpack.ts';
import { unpack } from './unpack.ts';

const text = (content: string): Buffer => Buffer.from(content);
const file = (name: string | Buffer, content = 'evil'): TestEntry => ({ name, content: text(content) });
const good = file('good.txt', 'good');

/** Entries that no archive of a model may hold, with the words of the refusal. */
const HOSTILE: readonly { what: string; entries: TestEntry[]; says: RegExp; formats?: ArchiveFormat[] }[] = [
  { what: 'a name that climbs out', entries: [good, file('../evil.txt')], says: /./ },
  { what: 'a name that climbs out from inside', entries: [good, file('a/../../evil.txt')], says: /./ },
  { what: 'a name that climbs and comes back', entries: [good, file('a/../evil.txt')], says: /./ },
  { what: 'an absolute name', entries: [good, file('/tmp/evil.txt')], says: /./ },
  { what: 'a drive', entries: [good, file('C:/evil.txt')], says: /./ },
  { what: 'a name relative to a drive', entries: [good, file('C:evil.txt')], says: /./ },
  { what: 'another stream of a file', entries: [file('good.txt:evil')], says: /colon/ },
  { what: 'a network share', entries: [good, file('//server/share/evil.txt')], says: /./ },
  { what: 'a network share with back-slashes', entries: [good, file('\\\\server\\share\\evil.txt')], says: /./ },
  { what: 'back-slashes that climb out', entries: [good, file('..\\evil.txt')], says: /./ },
  { what: 'NUL inside a name', entries: [good, file('evil.txt\0.onnx')], says: /control/, formats: ['zip'] },
  { what: 'a line break inside a name', entries: [good, file('evil\n.txt')], says: /control/ },
  { what: 'an empty part', entries: [good, file('a//evil.txt')], says: /empty part/ },
  { what: 'a dot as a part', entries: [good, file('a/./evil.txt')], says: /elsewhere/ },
  { what: 'a trailing dot', entries: [good, file('evil.txt.')], says: /dot or a space/ },
  { what: 'a trailing space', entries: [good, file('evil /x')], says: /dot or a space/ },
  { what: "Windows' devices", entries: [good, file('sub/nul.txt')], says: /device on Windows/ },
  {
    what: 'a name with bytes that are no text',
    entries: [good, file(Buffer.from('e\xffvil', 'latin1'))],
    says: /UTF-8|Unicode/,
  },
  { what: 'a name that is too long', entries: [good, file(`${'n'.repeat(240)}.txt`)], says: /too long/ },
  { what: 'too many folders inside each other', entries: [good, file(`${'d/'.repeat(20)}x`)], says: /deep/ },
  { what: 'the same name twice', entries: [good, file('good.txt')], says: /twice/ },
  { what: 'names that differ in case', entries: [good, file('GOOD.txt')], says: /one name/ },
  { what: 'folders that differ in case', entries: [file('Sub/a'), file('sub/b')], says: /one name/ },
  { what: 'names that Unicode writes in two ways', entries: [file('caf\u00e9'), file('cafe\u0301')], says: /one name/ },
  { what: 'names that are one under folding', entries: [file('stra\u00dfe'), file('STRASSE')], says: /one name/ },
  { what: 'a file that becomes a folder', entries: [file('a'), file('a/b')], says: /inside a file/ },
  { what: 'a folder that becomes a file', entries: [file('a/b'), file('a')], says: /twice/ },
  {
    what: 'a symbolic link to outside',
    entries: [good, { name: 'link', type: 'symlink', target: '../../outside.txt' }],
    says: /symbolic/,
  },
  {
    what: 'a symbolic link inside',
    entries: [good, { name: 'link', type: 'symlink', target: 'good.txt' }],
    says: /symbolic/,
  },
  {
    what: 'writing through a symbolic link',
    entries: [{ name: 'way', type: 'symlink', target: '../..' }, file('way/evil.txt')],
    says: /symbolic/,
  },
  {
    what: 'a hard link to outside',
    entries: [good, { name: 'link', type: 'hardlink', target: '../outside.txt' }],
    says: /hard link/,
    formats: ['tar', 'tar.gz', 'tar.bz2'],
  },
  { what: 'a device', entries: [good, { name: 'thing', type: 'device' }], says: /device/ },
  { what: 'a named pipe', entries: [good, { name: 'pipe', type: 'fifo' }], says: /named pipe/ },
];

const zeros = Buffer.alloc(32 * 1024 * 1024);
const tarOfZeros = (): Buffer => makeTar([{ name: 'zeros', content: zeros }]);

/** Archives that are wrong as a whole. */
const BROKEN: readonly { what: string; format: ArchiveFormat; make: () => Buffer; says: RegExp }[] = [
  {
    what: 'a zip that packs too well',
    format: 'zip',
    make: () => makeZip([{ name: 'zeros', content: zeros }]),
    says: /times its size/,
  },
  { what: 'a gzip that packs too well', format: 'tar.gz', make: () => gzipSync(tarOfZeros()), says: /times its size/ },
  {
    what: 'a bzip2 of many streams that packs too well',
    format: 'tar.bz2',
    make: () => {
      const start = tarOfZeros().subarray(0, 512);
      const more = bzip2(Buffer.alloc(64 * 1024));
      return Buffer.concat([bzip2(start), ...new Array<Buffer>(500).fill(more)]);
    },
    says: /times its size/,
  },
  {
    what: 'a file larger than a zip says',
    format: 'zip',
    make: () => makeZip([file('a', 'long enough')], { size: 3 }),
    says: /./,
  },
  {
    what: 'a file smaller than a zip says',
    format: 'zip',
    make: () => makeZip([file('a', 'short')], { size: 3000 }),
    says: /./,
  },
  { what: 'a wrong checksum in a zip', format: 'zip', make: () => makeZip([good], { crc: 1 }), says: /damaged/ },
  { what: 'an encrypted zip', format: 'zip', make: () => makeZip([good], { encrypted: true }), says: /encrypted/ },
  { what: 'a zip that is none', format: 'zip', make: () => randomBytes(5000), says: /./ },
  {
    what: 'a zip cut in two',
    format: 'zip',
    make: () => half(makeZip([{ name: 'a', content: randomBytes(5000) }])),
    says: /./,
  },
  { what: 'a tar that is none', format: 'tar', make: () => randomBytes(5120), says: /./ },
  {
    what: 'a tar cut in two',
    format: 'tar',
    make: () => half(makeTar([{ name: 'a', content: randomBytes(50_000) }])),
    says: /cut off/,
  },
  {
    what: 'a gzip cut in two',
    format: 'tar.gz',
    make: () => half(gzipSync(makeTar([{ name: 'a', content: randomBytes(50_000) }]))),
    says: /./,
  },
  {
    what: 'a bzip2 cut in two',
    format: 'tar.bz2',
    make: () => half(bzip2(makeTar([{ name: 'a', content: randomBytes(50_000) }]))),
    says: /./,
  },
  { what: 'a gzip that is none', format: 'tar.gz', make: () => randomBytes(5000), says: /./ },
  { what: 'a bzip2 that is none', format: 'tar.bz2', make: () => randomBytes(5000), says: /not bzip2/ },
  {
    what: 'a bzip2 with one flipped bit',
    format: 'tar.bz2',
    make: () => {
      const packed = bzip2(makeTar([{ name: 'a', content: randomBytes(50_000) }]));
      packed[20_000]! ^= 8;
      return packed;
    },
    says: /damaged/,
  },
  {
    what: 'a pax record that renames a file to outside',
    format: 'tar',
    make: () =>
      Buffer.concat([
        ...tarRecord(text('pax'), 'x', paxRecord('path', '../evil.txt')),
        ...tarRecord(text('fine'), '0', text('evil')),
      ]),
    says: /elsewhere/,
  },
  {
    what: 'a pax record with a lying length',
    format: 'tar',
    make: () =>
      Buffer.concat([
        ...tarRecord(text('pax'), 'x', text('99 path=x\n')),
        ...tarRecord(text('fine'), '0', text('evil')),
      ]),
    says: /pax/,
  },
  {
    what: 'a GNU long name to outside',
    format: 'tar',
    make: () =>
      Buffer.concat([
        ...tarRecord(text('././@LongLink'), 'L', text('../evil.txt\0')),
        ...tarRecord(text('fine'), '0', text('evil')),
      ]),
    says: /elsewhere/,
  },
  {
    what: 'a sparse file',
    format: 'tar',
    make: () => Buffer.concat(tarRecord(text('sparse'), 'S', text('x'))),
    says: /sparse/,
  },
  {
    what: 'a tar with a wrong sum',
    format: 'tar',
    make: () => {
      const tar = makeTar([good]);
      tar[0]! ^= 1;
      return tar;
    },
    says: /damaged/,
  },
  {
    what: 'more entries than allowed',
    format: 'tar',
    make: () => makeTar(Array.from({ length: 300 }, (_, i) => file(`f${i}`))),
    says: /entries/,
  },
  {
    what: 'more folders than allowed',
    format: 'zip',
    make: () => makeZip(Array.from({ length: 300 }, (_, i) => ({ name: `d${i}/`, type: 'folder' }))),
    says: /entries/,
  },
];

const half = (bytes: Buffer): Buffer => bytes.subarray(0, bytes.length >> 1);

/** A folder with a target in it and things around it that must stay as they are. */
function scene(t: TestContext) {
  const root = mkdtempSync(join(tmpdir(), 'os-unpack-'));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  writeFileSync(join(root, 'outside.txt'), 'untouched');
  mkdirSync(join(root, 'models/target'), { recursive: true });
  writeFileSync(join(root, 'models/outside.txt'), 'untouched');
  const settings = storeSettings(root, {}, { archiveEntries: 200 });
  const archive = join(root, 'archive');
  const target = join(root, 'models/target');
  const unpackApart = (
    format: ArchiveFormat,
    content: Buffer,
    limits: Partial<Settings['limits']> = {},
    stripComponents = 0,
  ) => {
    writeFileSync(archive, content);
    const signal = new AbortController().signal;
    return unpackArchive({
      ...{ archive, format, target, stripComponents, signal, onRead: () => {} },
      limits: { ...settings.limits, ...limits },
    });
  };
  /** Without the process around it, which would forbid to write elsewhere by itself. */
  const unpackHere = (format: ArchiveFormat, content: Buffer): Promise<void> => {
    writeFileSync(archive, content);
    const { modelBytes, archiveEntries, archiveRatio, archiveDepth, archiveNameBytes } = settings.limits;
    const rules = { maxBytes: modelBytes, maxEntries: archiveEntries, maxRatio: archiveRatio };
    const more = { maxDepth: archiveDepth, maxNameBytes: archiveNameBytes };
    return unpack({ archive, format, target, stripComponents: 0, rules: { ...rules, ...more } }, () => {});
  };
  const outside = (): string[] =>
    snapshot(root).filter((line) => !line.startsWith('models/target/') && !line.startsWith('archive'));
  return { root, target, unpackApart, unpackHere, outside };
}

function snapshot(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .map((entry) => {
      const path = join(entry.parentPath, entry.name);
      const content = entry.isFile()
        ? readFileSync(path).toString('hex')
        : entry.isSymbolicLink()
          ? readlinkSync(path)
          : '';
      return `${path.slice(folder.length + 1)} ${content}`;
    })
    .sort();
}

for (const format of ARCHIVE_FORMATS) {
  test(`${format}: nothing outside the target changes, whatever the entries say`, { concurrency: 3 }, async (t) => {
    const rows = HOSTILE.filter(({ formats }) => formats === undefined || formats.includes(format));
    await Promise.all(
      rows.map(({ what, entries, says }) =>
        t.test(what, async (t) => {
          const { unpackHere, outside, target } = scene(t);
          const before = outside();
          await assert.rejects(unpackHere(format, makeArchive(format, entries)), {
            code: 'unsafe_archive',
            message: says,
          });
          assert.deepEqual(outside(), before);
          for (const path of readdirSync(target, { recursive: true })) {
            assert.ok(
              statSync(join(target, String(path))).isFile() || statSync(join(target, String(path))).isDirectory(),
            );
          }
        }),
      ),
    );
  });

  test(`${format}: a proper archive unpacks to the same files with plain modes`, async (t) => {
    const { unpackApart, target, outside } = scene(t);
    const before = outside();
    const long = `${'long-'.repeat(25)}name/${'x'.repeat(60)}.txt`;
    const noise = randomBytes(150_000);
    await unpackApart(
      format,
      makeArchive(format, [
        { name: 'model/', type: 'folder' },
        { name: 'model/noise.bin', content: noise },
        file('model/sub/deep/a.txt', 'deep'),
        file(`model/${long}`, 'long'),
        file('model/ünïcödé 日本.txt', 'names'),
        { name: 'model/empty', content: Buffer.alloc(0) },
        { name: 'model/zeros', content: Buffer.alloc(100_000) },
      ]),
      {},
      1,
    );
    assert.deepEqual(readFileSync(join(target, 'noise.bin')), noise);
    assert.deepEqual(readFileSync(join(target, 'zeros')), Buffer.alloc(100_000));
    for (const [path, content] of [
      ['sub/deep/a.txt', 'deep'],
      [long, 'long'],
      ['ünïcödé 日本.txt', 'names'],
      ['empty', ''],
    ] as const) {
      assert.equal(readFileSync(join(target, path), 'utf8'), content);
      assert.equal(statSync(join(target, path)).mode & 0o7111, 0, 'no file may be run');
    }
    assert.deepEqual(outside(), before);
  });
}

test('archives that are broken, lie, or unpack to too much are refused', { concurrency: 3 }, async (t) => {
  await Promise.all(
    BROKEN.map(({ what, format, make, says }) =>
      t.test(`${format}: ${what}`, async (t) => {
        const { unpackHere, outside } = scene(t);
        const before = outside();
        await assert.rejects(unpackHere(format, make()), { code: 'unsafe_archive', message: says });
        assert.deepEqual(outside(), before);
      }),
    ),
  );
});

test('zip64 and stored entries are read', async (t) => {
  for (const options of [{ zip64: true }, { stored: true }, { zip64: true, stored: true }]) {
    const { unpackApart, target } = scene(t);
    await unpackApart('zip', makeZip([good, file('sub/more.txt', 'more')], options));
    assert.equal(readFileSync(join(target, 'good.txt'), 'utf8'), 'good');
    assert.equal(readFileSync(join(target, 'sub/more.txt'), 'utf8'), 'more');
  }
});

test('what a process of its own refuses arrives here with its reason', async (t) => {
  const { unpackApart, outside } = scene(t);
  const before = outside();
  await assert.rejects(unpackApart('tar.gz', makeArchive('tar.gz', [good, file('../evil.txt')])), {
    code: 'unsafe_archive',
    message: /elsewhere/,
  });
  assert.deepEqual(outside(), before);
});

test('unpacked bytes are bounded from both sides of the limit', async (t) => {
  const content = randomBytes(70_000);
  const zip = makeZip([{ name: 'a', content }]);
  await scene(t).unpackApart('zip', zip, { modelBytes: 70_000 });
  await assert.rejects(scene(t).unpackApart('zip', zip, { modelBytes: 69_999 }), {
    code: 'unsafe_archive',
    message: /more than 69999/,
  });
});

test('an unpacking that is cancelled or takes too long ends with its process', async (t) => {
  const { unpackApart } = scene(t);
  await assert.rejects(unpackApart('tar', tarOfZeros(), { unpackMs: 1 }), { code: 'deadline_exceeded' });
});
