/**
 * Ends with 0 when the server of this machine answers on `/health`, else with 1. Finds address, port and TLS the way
 * the server does: in the environment and the settings file, but not in the server's flags.
 */
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { loadSettings } from '../src/config/load.ts';
import { isUnspecifiedHost } from '../src/security/addresses.ts';

const TIMEOUT_MS = 4000;

const { host, port, sslEnabled } = loadSettings({ env: process.env }).settings;
const request = sslEnabled ? httpsRequest : httpRequest;
const options = {
  host: isUnspecifiedHost(host) ? '127.0.0.1' : host,
  port,
  path: '/health',
  // The certificate bears the server's public names, and nobody stands between this machine and itself.
  rejectUnauthorized: false,
};

request(options, ({ statusCode }) => process.exit(statusCode === 200 ? 0 : 1))
  .setTimeout(TIMEOUT_MS, () => process.exit(1))
  .on('error', () => process.exit(1))
  .end();
