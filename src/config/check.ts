import { isIP } from 'node:net';
import { isLoopbackHost, networkList } from '../security/addresses.ts';
import type { Settings } from './kinds.ts';

export interface Findings {
  problems: string[];
  warnings: string[];
}

const HOST_NAME = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,62})(\.[a-z0-9]([a-z0-9-]{0,62}))*\.?$/i;

/** Looks for values that fit each by itself but are unsafe or useless together. */
export function checkSettings(settings: Settings): Findings {
  const findings: Findings = { problems: [], warnings: [] };
  checkListening(settings, findings);
  checkAccess(settings, findings);
  checkModelSources(settings, findings);
  checkLanguageModel(settings, findings);
  const apiKeyProblem = settings.apiKey === '' ? undefined : weakKeyReason(settings.apiKey);
  if (apiKeyProblem !== undefined) {
    findings.problems.push(`OS_API_KEY ${apiKeyProblem}: make one with \`openssl rand -hex 32\` or leave it unset`);
  }
  return findings;
}

function checkListening(settings: Settings, { problems, warnings }: Findings): void {
  const { host, sslEnabled, sslCertfile, sslKeyfile, trustProxy } = settings;
  if (isIP(host.replace(/^\[(.*)\]$/, '$1')) === 0 && !HOST_NAME.test(host)) {
    problems.push(`OS_HOST is ${JSON.stringify(host)} but must be an address or a host name`);
  } else if (!isLoopbackHost(host) && !sslEnabled && !trustProxy) {
    problems.push(
      `OS_HOST=${host} can be reached from other machines, so keys and voices would cross the network in the clear: ` +
        'set OS_SSL_ENABLED=true, or OS_TRUST_PROXY=true where a reverse proxy ends TLS, or listen on 127.0.0.1',
    );
  }
  if ((sslCertfile === '') !== (sslKeyfile === '')) {
    problems.push('OS_SSL_CERTFILE and OS_SSL_KEYFILE belong together: set both or neither');
  } else if (sslCertfile !== '' && !sslEnabled) {
    warnings.push('OS_SSL_CERTFILE has no effect without OS_SSL_ENABLED=true');
  }
  for (const name of settings.publicHosts) {
    if (isIP(name.replace(/^\[(.*)\]$/, '$1')) === 0 && !HOST_NAME.test(name)) {
      problems.push(
        `OS_PUBLIC_HOSTS holds ${JSON.stringify(name)}: give a host name alone, such as speech.example.org`,
      );
    }
  }
  try {
    networkList(settings.proxyNetworks);
  } catch (error) {
    problems.push(`OS_PROXY_NETWORKS: ${(error as Error).message}`);
  }
}

function checkAccess(settings: Settings, { problems, warnings }: Findings): void {
  if (settings.authDisabled && !isLoopbackHost(settings.host)) {
    problems.push(`OS_AUTH_DISABLED=true is allowed on loopback only, and OS_HOST is ${settings.host}`);
  } else if (settings.authDisabled) {
    warnings.push('OS_AUTH_DISABLED=true lets every program and user of this machine in, without a key');
  }
  if (!settings.authRequired) {
    problems.push('OS_AUTH_REQUIRED=false no longer turns authentication off; on loopback, OS_AUTH_DISABLED=true does');
  }
  for (const [name, origins] of [
    ['OS_CORS_ORIGINS', settings.corsOrigins],
    ['OS_WS_ALLOWED_ORIGINS', settings.wsAllowedOrigins],
  ] as const) {
    for (const origin of origins) {
      const reason = badOriginReason(origin);
      if (reason !== undefined) problems.push(`${name} holds ${JSON.stringify(origin)}: ${reason}`);
    }
  }
}

function checkModelSources(settings: Settings, { problems }: Findings): void {
  for (const host of settings.modelHosts) {
    if (!HOST_NAME.test(host.replace(/^\*\./, '')) || !host.includes('.') || isIP(host) !== 0) {
      problems.push(
        `OS_MODEL_HOSTS holds ${JSON.stringify(host)}: give host names such as example.org or *.example.org`,
      );
    }
  }
  const reason = settings.modelMirror === '' ? undefined : badMirrorReason(settings.modelMirror);
  if (reason !== undefined) problems.push(`OS_MODEL_MIRROR is ${JSON.stringify(settings.modelMirror)} but ${reason}`);
}

function checkLanguageModel({ llmUrl, llmModel, llmApiKey }: Settings, { problems, warnings }: Findings): void {
  if (llmUrl === '') {
    if (llmModel !== '' || llmApiKey !== '')
      warnings.push('OS_LLM_MODEL and OS_LLM_API_KEY have no effect without OS_LLM_URL');
    return;
  }
  if (!URL.canParse(llmUrl) || !/^https?:$/.test(new URL(llmUrl).protocol)) {
    problems.push('OS_LLM_URL must be a URL such as http://127.0.0.1:11434/v1');
    return;
  }
  const { protocol, hostname, username, password } = new URL(llmUrl);
  if (username !== '' || password !== '') {
    problems.push('OS_LLM_URL may hold no user name and no password: the key for it is OS_LLM_API_KEY');
  } else if (protocol === 'http:' && !isLoopbackHost(hostname)) {
    warnings.push(
      'OS_LLM_URL is plain http: beyond this machine, conversations and the key cross the network in the clear',
    );
  }
  if (llmModel === '') problems.push('OS_LLM_URL needs OS_LLM_MODEL, the name of the model to ask for there');
}

/** Why model files cannot be fetched from a mirror at this address, or undefined where they can. */
export function badMirrorReason(mirror: string): string | undefined {
  if (!URL.canParse(mirror)) return 'must be a URL such as https://mirror.example.org/models';
  const { protocol, hostname, search, hash, username, password } = new URL(mirror);
  if (search !== '' || hash !== '' || username !== '' || password !== '') return 'may hold nothing but host and path';
  if (protocol === 'https:' || (protocol === 'http:' && isLoopbackHost(hostname))) return undefined;
  return 'must be https: (http: on this machine only)';
}

/** Why a web origin may not be trusted with answers to authorised requests, or undefined where it may. */
export function badOriginReason(origin: string): string | undefined {
  if (origin.includes('*')) return 'name each origin exactly, without wildcards';
  if (!URL.canParse(origin)) return 'write it like https://app.example.org';
  const url = new URL(origin);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return 'only https: origins can be allowed';
  if (url.origin !== origin) return `write it exactly as browsers send it: ${url.origin}`;
  if (url.protocol === 'http:' && !isLoopbackHost(url.hostname)) {
    return 'pages loaded over plain http: can be changed on their way; use https:';
  }
  return undefined;
}

const PLACEHOLDER =
  /change-?me|changethis|your-?(secret|open-?speech)?-?(api)?-?(key|token)|(api)?-?key-?(here|goes)|place-?holder|replace-?(me|this)|insert-?|example|^sk-?x{4}|^<|>$|\$\{|^(test|secret|password|dummy|sample|default|api-?key)|^todo|1234567890|abcdefgh/;

/** Why a chosen API key is too easy to guess or can never arrive, or undefined where it will do. */
export function weakKeyReason(key: string): string | undefined {
  if (!/^[\x21-\x7e]+$/.test(key)) return 'may hold only visible ASCII characters';
  if (key.length < 16) return 'is shorter than 16 characters';
  if (key.length > 512) return 'is longer than 512 characters';
  if (PLACEHOLDER.test(key.toLowerCase().replace(/[\s_.-]+/g, '-'))) return 'is a placeholder that everyone knows';
  if (new Set(key).size < 6) return 'repeats the same few characters';
  return undefined;
}
