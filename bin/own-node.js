import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';

/** The major version of Node that the project runs on. */
export const NEEDED = 24;

/**
 * The Node that npm installed beside us, or undefined. It is looked for by its package, because npm before 11.7 takes
 * `node_modules/.bin/node` away again; the package for Apple's processors has a name of its own.
 */
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
  return undefined;
}

/** Whether this very process can run the project. */
export const isRightNode = Number.parseInt(process.versions.node, 10) >= NEEDED;

/** Runs the right Node with these arguments and ends as it ends. */
export function handOver(args) {
  const node = bundledNode() ?? (isRightNode ? process.execPath : undefined);
  if (node === undefined) {
    process.stderr.write(
      `open-speech: this is Node ${process.versions.node} and Node ${NEEDED} is needed: install that, ` +
        `or run \`npm ci\` again with its optional packages, which bring one\n`,
    );
    process.exit(1);
  }
  // Before the child runs, so that no signal can fall between. A Ctrl+C reaches it from the terminal as well; it takes
  // two at once for one.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  const child = spawn(node, args, { stdio: 'inherit' });
  child.on('error', (error) => {
    process.stderr.write(`open-speech: ${node} cannot be run: ${error.message}\n`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
}
