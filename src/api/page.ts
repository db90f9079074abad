import { randomBytes } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import serveFiles from '@fastify/static';
import type { App } from './app.ts';
import { PUBLIC } from './policy.ts';

/** What index.html holds in place of the nonce of each answer. */
const NONCE_MARK = '__CSP_NONCE__';

/** Only our own files, and the two kinds of blobs that recording and playing make. */
function contentSecurityPolicy(nonce: string): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self' 'nonce-${nonce}'`,
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "media-src 'self' blob:",
    "worker-src 'self'",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

const NOT_BUILT = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Open Speech</title>
<h1>Open Speech is running</h1><p>This page has not been built yet: run <code>npm run setup</code> and load it again.
The API is at <code>/v1</code>, its reference at <a href="/docs">/docs</a>.</p></html>`;

/** The page at `/` and its files, built by `npm run build:web`. */
export async function pageRoutes(app: App, folder: string): Promise<void> {
  let built: { html: string; mtimeMs: number } | undefined;
  const index = join(folder, 'index.html');

  /** Read again when the page has been built anew, so that a running server shows it. */
  const html = async (): Promise<string> => {
    const stats = await stat(index).catch(() => undefined);
    if (stats === undefined) return NOT_BUILT;
    if (built?.mtimeMs !== stats.mtimeMs) built = { html: await readFile(index, 'utf8'), mtimeMs: stats.mtimeMs };
    return built.html;
  };

  app.get('/', { config: { policy: PUBLIC }, schema: { hide: true } }, async (_request, reply) => {
    const nonce = randomBytes(16).toString('base64');
    return reply
      .type('text/html; charset=utf-8')
      .headers({ 'content-security-policy': contentSecurityPolicy(nonce), 'cache-control': 'no-store' })
      .send((await html()).replaceAll(NONCE_MARK, nonce));
  });

  await app.register(serveFiles, {
    root: join(folder, 'assets'),
    prefix: '/assets/',
    index: false,
    dotfiles: 'deny',
    // Their names hold a hash of their content.
    immutable: true,
    maxAge: '1y',
    decorateReply: false,
  });
}
