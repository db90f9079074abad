import { BadArchive } from './job.ts';

export interface EntryRules {
  /** Size of the packed archive. */
  archiveBytes: number;
  maxEntries: number;
  maxBytes: number;
  /** Unpacked by packed bytes, looked at past `FREE_BYTES`. */
  maxRatio: number;
  maxDepth: number;
  maxNameBytes: number;
  /** Leading folders of each name that are left out. */
  stripComponents: number;
}

export interface Entry {
  name: string;
  type: 'file' | 'folder' | 'other';
  /** What it is when it is neither, for the message. */
  what?: string;
}

/** Bytes below which the ratio says nothing: a few kilobytes of zeros pack very well and harm nobody. */
const FREE_BYTES = 16 * 1024 * 1024;
const MAX_PATH_BYTES = 1024;
/** Names that Windows gives to devices, whatever the extension. */
const DEVICES = /^(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?$/i;
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const CONTROL = /[\u0000-\u001f\u007f]/;

/**
 * Decides about every entry of an archive before anything of it is written, by name, kind, number and size. It keeps
 * to names that mean the same on every system, so that an archive cannot be safe on one and not on another.
 */
export class EntryGuard {
  #rules: EntryRules;
  #entries = 0;
  #bytes = 0;
  /** Folded path to how it was first written and what it is. */
  #seen = new Map<string, { path: string; type: 'file' | 'folder' }>();

  constructor(rules: EntryRules) {
    this.#rules = rules;
  }

  /**
   * The path below the target, in its parts, that an entry goes to; undefined where the stripped folders leave nothing.
   * Throws BadArchive.
   */
  accept({ name, type, what }: Entry): readonly string[] | undefined {
    if (++this.#entries > this.#rules.maxEntries) {
      throw new BadArchive(`it has more than ${this.#rules.maxEntries} entries`);
    }
    const shown = JSON.stringify(name.length > 80 ? `${name.slice(0, 80)}…` : name);
    if (type === 'other') throw new BadArchive(`${shown} is ${what ?? 'neither a file nor a folder'}`);
    const parts = this.#parts(name, type, shown).slice(this.#rules.stripComponents);
    if (parts.length === 0) return undefined;
    for (let depth = 1; depth <= parts.length; depth++) {
      this.#claim(parts.slice(0, depth), depth < parts.length ? 'folder' : type, depth < parts.length, shown);
    }
    return parts;
  }

  /** Counts unpacked bytes. Throws BadArchive past a bound. */
  count(bytes: number): void {
    this.#bytes += bytes;
    const { maxBytes, maxRatio, archiveBytes } = this.#rules;
    if (this.#bytes > maxBytes) throw new BadArchive(`it unpacks to more than ${maxBytes} bytes`);
    if (this.#bytes > FREE_BYTES && this.#bytes > archiveBytes * maxRatio) {
      throw new BadArchive(`it unpacks to more than ${maxRatio} times its size`);
    }
  }

  #parts(name: string, type: 'file' | 'folder', shown: string): string[] {
    const { maxDepth, maxNameBytes } = this.#rules;
    if (CONTROL.test(name)) throw new BadArchive(`${shown} holds a control character`);
    if (name.includes('\\')) throw new BadArchive(`${shown} holds a back-slash`);
    if (name.includes(':')) throw new BadArchive(`${shown} holds a colon, as drives and streams do`);
    if (name.startsWith('/')) throw new BadArchive(`${shown} is absolute`);
    if (name.includes('\ufffd') || !name.isWellFormed()) throw new BadArchive(`${shown} is not proper Unicode`);
    if (Buffer.byteLength(name) > MAX_PATH_BYTES) throw new BadArchive(`${shown} is too long`);
    // tar writes `./` in front of names, and a slash behind those of folders.
    const plain = name.replace(/^(\.\/)+/, '').replace(type === 'folder' ? /\/$/ : /$^/, '');
    if (plain === '' || plain === '.') {
      if (type === 'folder') return [];
      throw new BadArchive(`${shown} has no name`);
    }
    const parts = plain.split('/');
    if (parts.length > maxDepth) throw new BadArchive(`${shown} is more than ${maxDepth} folders deep`);
    for (const part of parts) {
      if (part === '') throw new BadArchive(`${shown} has an empty part`);
      if (part === '.' || part === '..') throw new BadArchive(`${shown} points elsewhere`);
      if (/[. ]$/.test(part)) throw new BadArchive(`${shown} ends a name with a dot or a space`);
      if (DEVICES.test(part)) throw new BadArchive(`${shown} is the name of a device on Windows`);
      if (Buffer.byteLength(part) > maxNameBytes) throw new BadArchive(`${shown} has a name that is too long`);
    }
    return parts;
  }

  /** Notes that a path is in use. Two that some file system would take for one are refused. */
  #claim(parts: readonly string[], type: 'file' | 'folder', implied: boolean, shown: string): void {
    const path = parts.join('/');
    const folded = fold(path);
    const other = this.#seen.get(folded);
    if (other === undefined) {
      this.#seen.set(folded, { path, type });
    } else if (other.path !== path) {
      throw new BadArchive(`${shown} and ${JSON.stringify(other.path)} are one name on some systems`);
    } else if (other.type !== type || type === 'file') {
      throw new BadArchive(implied ? `${shown} lies inside a file` : `${shown} appears twice`);
    }
  }
}

/** Maps names that differ in case or in how Unicode spells them to one text. */
function fold(path: string): string {
  return path.normalize('NFKC').toUpperCase().toLowerCase().normalize('NFKC');
}
