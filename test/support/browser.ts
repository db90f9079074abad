import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { needs } from './needs.ts';

const CHROMIUM = '/usr/bin/chromium';
/** Nothing of the browser's own may reach the network, and it runs as root in containers. */
const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // Stands in for a microphone.
  '--use-fake-device-for-media-stream',
];
/** Stands in for the person who allows the microphone. */
export const ALLOW_MICROPHONE = '--use-fake-ui-for-media-stream';

// What runs inside the browser is text here: these files are checked for Node, which has no document.
const REPORT_VIOLATIONS = `document.addEventListener('securitypolicyviolation', (event) => {
  console.error('policy violated: ' + event.violatedDirective + ' by ' + event.blockedURI);
});`;
const NAMELESS_CONTROLS = `[...document.querySelectorAll(
    'a, button, input:not([type=hidden]), textarea, [role=slider], [tabindex="0"]')]
  .filter((control) => {
    const name = control.getAttribute('aria-label') ?? control.labels?.[0]?.textContent ?? control.textContent ?? '';
    return name.trim() === '' && !control.hasAttribute('aria-labelledby');
  })
  .map((control) => control.outerHTML.slice(0, 120))`;

/** For the `skip` option of tests that look at pages. */
export const needsBrowser = (): false | string => needs({ chromium: CHROMIUM });

export function launchBrowser(...more: string[]): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM, args: [...ARGUMENTS, ...more] });
}

/** A page of the context, and everything that goes wrong in it, while it does. */
export async function watchedPage(context: BrowserContext): Promise<{ page: Page; wrong: string[] }> {
  const wrong: string[] = [];
  await context.addInitScript({ content: REPORT_VIOLATIONS });
  const page = await context.newPage();
  page.on('pageerror', (error) => wrong.push(error.message));
  page.on('console', (message) => {
    // The browser itself reports every refusal; ours come from asking without a key or with a wrong one.
    const refusal = /Failed to load resource: the server responded with a status of 40[01]/.test(message.text());
    if (['error', 'warning'].includes(message.type()) && !refusal) wrong.push(message.text());
  });
  return { page, wrong };
}

/** Answers the page's question for a key. */
export async function enterKey(page: Page, key: string): Promise<void> {
  await page.getByLabel('API key', { exact: true }).fill(key);
  await page.keyboard.press('Enter');
}

/** Controls that a screen reader could not name. */
export function namelessControls(page: Page): Promise<string[]> {
  return page.evaluate<string[]>(NAMELESS_CONTROLS);
}
