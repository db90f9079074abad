/** What helps where the hosts of models cannot be reached. Follows the reason. */
export const NETWORK_HELP =
  'Behind a proxy set OS_HTTPS_PROXY, with a mirror in reach set OS_MODEL_MIRROR; on a closed network bring the model as a file: open-speech models export and import.';
