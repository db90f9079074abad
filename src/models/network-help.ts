const NETWORK_CODES: ReadonlySet<string | undefined> = new Set(['download_failed', 'source_not_allowed']);
const HELP =
  'Behind a proxy set OS_HTTPS_PROXY, with a mirror in reach set OS_MODEL_MIRROR; on a closed network bring the model as a file: open-speech models export and import.';

/** Where a model did not come and the code says that the reason may lie in the network: what helps, to follow the reason. */
export function networkHelp(code: string | undefined): string | undefined {
  return NETWORK_CODES.has(code) ? HELP : undefined;
}
