import type { OpenModel } from '../contract.ts';

/** Where a server is, as the operator wrote it in the manifest's options. */
export interface ServerAddress {
  host: string;
  port: number;
  tls: boolean;
}

/** Reads `host`, `port` and `tls`. A text is what is wrong with them, and completes a sentence. */
export function serverAddress({ host, port, tls = false }: OpenModel['options']): ServerAddress | string {
  if (typeof host !== 'string' || host === '') return 'its options name no host';
  if (!Number.isInteger(port) || (port as number) < 1 || (port as number) > 65_535) return 'its options name no port';
  if (typeof tls !== 'boolean') return 'its option tls is neither true nor false';
  return { host, port: port as number, tls };
}
