#!/usr/bin/env node
/**
 * Starts the command line, which needs Node 24 and runs as TypeScript. With an older Node the one that came with the
 * dependencies takes over.
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const NEEDED = 24;
const main = new URL('../src/cli/main.ts', import.meta.url);

if (Number.parseInt(process.versions.node, 10) >= NEEDED) await import(main.href);
else handOver(bundledNode());

/** The Node that npm installed beside us; the package for Apple's processors has a name of its own. */
function bundledNode() {
  const machine = `${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
  const { resolve } = createRequire(import.meta.url);
  for (const name of [`node-${machine}`, `node-bin-${machine}`]) {
    try {
      const manifest = resolve(`${name}/package.json`);
      return join(dirname(manifest), JSON.parse(readFileSync(manifest, 'utf8')).bin.node);
    } catch {
      // Not this one.
    }
  }
  process.stderr.write(
    `open-speech: this is Node ${process.versions.node} and Node ${NEEDED} is needed: install that, ` +
      `or run \`npm ci\` again with its optional packages, which bring one\n`,
  );
  process.exit(1);
}

/** Runs the command in another Node and ends as it ends. */
function handOver(node) {
  const child = spawn(node, [fileURLToPath(main), ...process.argv.slice(2)], { stdio: 'inherit' });
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  // A Ctrl+C reaches the child from the terminal as well; it takes two at once for one.
  for (const signal of signals) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    process.stderr.write(`open-speech: ${node} cannot be run: ${error.message}\n`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
}
