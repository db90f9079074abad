import { lstatSync, unlinkSync } from 'node:fs';
import { connect, type Server } from 'node:net';

/** Rejects where it cannot listen there. */
export function listen(server: Server, where: { host: string; port: number } | { path: string }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(where, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** Listens on a Unix socket that only this user can open; one that a killed server left behind is replaced. */
export async function listenLocally(server: Server, path: string): Promise<void> {
  if (isSocket(path) && !(await answers(path))) unlinkSync(path);
  const before = process.umask(0o177);
  const listening = listen(server, { path });
  // It was made within the call: no other file is touched by this.
  process.umask(before);
  await listening;
}

function isSocket(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSocket() ?? false;
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}
