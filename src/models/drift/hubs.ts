import { z } from 'zod';
import { askForJson, askForList, type Fetch, type Told } from './ask.ts';

/** A collection of files at a hub that one question, or one list, tells all about. */
export interface Shelf {
  /** The same for all files of the collection. */
  key: string;
  /** The file's name in what `list` returns. */
  name: string;
  list(fetch: Fetch): Promise<ReadonlyMap<string, Told>>;
}

const HUGGING_FACE = /^https:\/\/huggingface\.co\/([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/;
const GITHUB_RELEASE = /^https:\/\/github\.com\/([^/]+\/[^/]+)\/releases\/download\/([^/]+)\/([^/]+)$/;
const VOSK = /^https:\/\/alphacephei\.com\/vosk\/models\/[^/]+\.zip$/;
const VOSK_LIST = 'https://alphacephei.com/vosk/models/model-list.json';

/** Where a hub can be asked about the file at this URL, or undefined where nobody knows how. */
export function shelfOf(url: string): Shelf | undefined {
  const [, repository, revision, path] = HUGGING_FACE.exec(url) ?? [];
  if (repository !== undefined) {
    const tree = `https://huggingface.co/api/models/${repository}/tree/${revision}?recursive=true`;
    return { key: tree, name: decodeURIComponent(path!), list: (fetch) => filesOfTree(fetch, tree) };
  }
  const [, project, tag, asset] = GITHUB_RELEASE.exec(url) ?? [];
  if (project !== undefined) {
    const release = `https://api.github.com/repos/${project}/releases/tags/${tag}`;
    return { key: release, name: decodeURIComponent(asset!), list: (fetch) => assetsOfRelease(fetch, release) };
  }
  if (VOSK.test(url)) return { key: VOSK_LIST, name: url, list: modelsOfVosk };
  return undefined;
}

/** Hugging Face tells the SHA-256 of large files only; of others its own Git hash, which says nothing about a pin. */
const treeEntry = z.object({
  type: z.string(),
  path: z.string(),
  size: z.number(),
  lfs: z.object({ oid: z.string(), size: z.number() }).optional(),
});

async function filesOfTree(fetch: Fetch, tree: string): Promise<ReadonlyMap<string, Told>> {
  const entries = await askForList(fetch, tree, treeEntry);
  return new Map(
    entries
      .filter(({ type }) => type === 'file')
      .map(({ path, size, lfs }) => [
        path,
        lfs === undefined ? { bytes: size } : { bytes: lfs.size, sha256: lfs.oid.toLowerCase() },
      ]),
  );
}

const releaseAnswer = z.object({ assets_url: z.string().startsWith('https://api.github.com/') });
/** `digest` is null for assets that were uploaded before GitHub began to compute it in 2025. */
const releaseAsset = z.object({ name: z.string(), size: z.number(), digest: z.string().nullish() });

async function assetsOfRelease(fetch: Fetch, release: string): Promise<ReadonlyMap<string, Told>> {
  const { body } = await askForJson(fetch, release);
  const parsed = releaseAnswer.safeParse(body);
  if (!parsed.success) throw new Error('api.github.com answers something else than a release');
  const assets = await askForList(fetch, `${parsed.data.assets_url}?per_page=100`, releaseAsset);
  return new Map(
    assets.map(({ name, size, digest }) => {
      const sha256 = /^sha256:([0-9a-f]{64})$/.exec(digest ?? '')?.[1];
      return [name, sha256 === undefined ? { bytes: size } : { bytes: size, sha256 }];
    }),
  );
}

/** Vosk's makers list their models with sizes and MD5, which says nothing about a pin. */
const voskModel = z.object({ url: z.string(), size: z.number() });

async function modelsOfVosk(fetch: Fetch): Promise<ReadonlyMap<string, Told>> {
  const models = await askForList(fetch, VOSK_LIST, voskModel);
  return new Map(models.map(({ url, size }) => [url, { bytes: size }]));
}
