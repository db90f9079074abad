import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { test } from 'node:test';
import { checkImports, importsOf, KEEPERS, problemOf, ROOMS, SHARED } from '../src/check/imports.ts';

test('no import of the tree points up', async () => {
  assert.deepEqual(await checkImports(resolve(import.meta.dirname, '..')), []);
});

test('the rooms have an order, so there can be no cycle between them', () => {
  for (const [at, { name, imports }] of ROOMS.entries()) {
    for (const other of imports) {
      const index = ROOMS.findIndex((room) => room.name === other);
      assert.ok(index >= 0 && index < at, `${name} may import ${other}, which does not stand above it`);
    }
    assert.equal(new Set(imports).size, imports.length, `${name} names a room twice`);
  }
  assert.equal(new Set(ROOMS.map(({ name }) => name)).size, ROOMS.length);
  for (const { imports } of SHARED) assert.deepEqual(imports, []);
  for (const { rooms } of KEEPERS) {
    for (const room of rooms)
      assert.ok(
        ROOMS.some(({ name }) => name === room),
        room,
      );
  }
});

test('the spine points down, and audio and engines know nothing above them', () => {
  const spine = ['api', 'speech', 'workers', 'engines'];
  for (const [at, upper] of spine.entries()) {
    for (const lower of spine.slice(at + 1))
      assert.notEqual(problemOf(`src/${lower}/a.ts`, `../${upper}/b.ts`), undefined);
  }
  for (const room of ['audio', 'engines']) {
    for (const above of ['models', 'workers', 'speech', 'api', 'accounts', 'storage', 'telemetry', 'cli']) {
      assert.equal(
        problemOf(`src/${room}/deep/a.ts`, `../../${above}/b.ts`),
        `imports src/${above}/b.ts, but ${room} may not import ${above}`,
      );
    }
  }
});

test('a file of its own in a room may be shared where the room may not', () => {
  assert.equal(problemOf('src/engines/espeak/manifest.ts', '../../models/manifest.ts'), undefined);
  assert.notEqual(problemOf('src/engines/espeak/manifest.ts', '../../models/catalog.ts'), undefined);
  assert.equal(problemOf('src/models/catalog.ts', './manifest.ts'), undefined);
  assert.notEqual(problemOf('src/models/manifest.ts', './catalog.ts'), undefined);
});

test('packages of one room stay in it', () => {
  assert.equal(problemOf('src/api/server.ts', 'fastify'), undefined);
  assert.equal(problemOf('src/speech/speak.ts', 'fastify'), 'imports fastify, which only api may');
  assert.notEqual(problemOf('src/audio/wav.ts', 'node:child_process'), undefined);
  assert.notEqual(problemOf('src/api/server.ts', 'kysely/migration'), undefined);
  assert.equal(problemOf('src/audio/wav.ts', 'node:fs'), undefined);
});

test('every way to import is seen, with its line', () => {
  const source = [
    "import { a } from './a.ts';",
    "import type { B } from './b.ts';",
    'import {',
    '  c,',
    '  d,',
    "} from './c.ts';",
    "import './d.ts';",
    "export * from './e.ts';",
    "export { f } from './f.ts';",
    "const g = await import('./g.ts');",
    "type H = typeof import('./h.ts').h;",
    "const text = 'import x from y';",
  ].join('\n');
  assert.deepEqual(
    importsOf(source).map(({ line, specifier }) => `${specifier} ${line}`),
    ['./a.ts 1', './b.ts 2', './c.ts 6', './d.ts 7', './e.ts 8', './f.ts 9', './g.ts 10', './h.ts 11'],
  );
  assert.throws(() => importsOf('a;\nawait import(`./name.ts`);'), /^Error: 2: /);
});

test('each kind of wrong import is named with its file and line', async () => {
  const root = mkdtempSync(join(tmpdir(), 'open-speech-imports-'));
  try {
    const files: Record<string, string> = {
      'src/engines/one/engine.ts': "\nimport type { Settings } from '../../api/server.ts';\n",
      'src/attic/box.ts': "import { readFile } from 'node:fs';\n",
      'src/audio/wav.ts': "import { helper } from '../../test/support/needs.ts';\n",
      'src/audio/wav.test.ts': "import { helper } from '../api/server.ts';\n",
      'src/workers/call.ts': "import { Line } from './line.ts';\nimport fastify from 'fastify';\n",
      'web/src/page.tsx': "import { limits } from '../../src/config/limits.ts';\n",
      'web/src/other.ts': "import { useState } from 'react';\nimport { page } from './page.tsx';\n",
    };
    for (const [file, content] of Object.entries(files)) {
      mkdirSync(dirname(join(root, file)), { recursive: true });
      writeFileSync(join(root, file), content);
    }
    assert.deepEqual(await checkImports(root), [
      'src/attic/box.ts:1 stands in a room that src/check/imports.ts does not know',
      'src/audio/wav.ts:1 imports test/support/needs.ts, which no room of src/ holds',
      'src/engines/one/engine.ts:2 imports src/api/server.ts, but engines may not import api',
      'src/workers/call.ts:2 imports fastify, which only api may',
      'web/src/page.tsx:1 imports src/config/limits.ts: the page knows only the API',
    ]);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});
