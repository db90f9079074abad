import { existsSync } from 'node:fs';
import { resolve } from 'node:path';

/** The folder of recordings and small models that lies beside the checkout on the project's own machines. */
export const sharedData = resolve(import.meta.dirname, '../../../shared/data');

/**
 * For a test's `skip` option: false when everything is there, else what is missing and how to get it.
 * `needs({ chromium: '/usr/bin/chromium' })` → `false` or `chromium is missing: npm run setup -- --tests`.
 */
export function needs(files: Record<string, string>): false | string {
  for (const [name, file] of Object.entries(files)) {
    if (!existsSync(file)) return `${name} is missing (${file}): npm run setup -- --tests`;
  }
  return false;
}

/** For tests that use recordings: `needsData('librivox')`. */
export function needsData(folder: string): false | string {
  return existsSync(resolve(sharedData, folder)) ? false : `the test data folder ${folder} is not beside this checkout`;
}
