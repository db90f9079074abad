import { randomBytes } from 'node:crypto';
import { join } from 'node:path';

/**
 * Where things lie in the model folder. Only `<id>/` is a model; names with a dot in front are the store's own, and no
 * id begins with one.
 */
export interface Layout {
  root: string;
  /** What is being fetched or unpacked. Nobody reads it but the store. */
  incoming: string;
  /** What is being deleted. */
  trash: string;
  /** One lock for each id, held by whoever changes that model. */
  locks: string;
  folder(id: string): string;
  lock(id: string): string;
  newIncoming(id: string): string;
  newTrash(id: string): string;
}

export function layoutOf(root: string): Layout {
  const at = (folder: string) => join(root, folder);
  const unique = (folder: string, id: string) => join(root, folder, `${id}-${randomBytes(6).toString('hex')}`);
  return {
    root,
    incoming: at('.incoming'),
    trash: at('.trash'),
    locks: at('.locks'),
    folder: (id) => at(id),
    lock: (id) => join(at('.locks'), id),
    newIncoming: (id) => unique('.incoming', id),
    newTrash: (id) => unique('.trash', id),
  };
}

/** The id in the name of an incoming folder. */
export function idOfIncoming(name: string): string | undefined {
  return /^(.+)-[0-9a-f]{12}$/.exec(name)?.[1];
}
