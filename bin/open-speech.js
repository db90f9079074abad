#!/usr/bin/env node
/**
 * Starts the command line, which needs Node 24 and runs as TypeScript. With an older Node the one that came with the
 * dependencies takes over. This file is JavaScript, so that an old Node can read it, and so that the compiled form of
 * everything else can come from the cache.
 */
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { keepCompiledCode } from './compiled-code.js';
import { handOver, isRightNode } from './own-node.js';

if (isRightNode) {
  // Audio passes through as external memory. Counted apart from the heap, every 10 MB of it start a full collection.
  setFlagsFromString('--external-memory-accounted-in-global-limit');
  keepCompiledCode();
  await import('../src/cli/main.ts');
} else {
  handOver([fileURLToPath(import.meta.url), ...process.argv.slice(2)]);
}
