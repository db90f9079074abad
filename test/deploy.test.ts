import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse } from 'yaml';
import { loadSettings } from '../src/config/load.ts';
import { needs } from './support/needs.ts';

const root = resolve(import.meta.dirname, '..');
const deployed = (file: string): string => readFileSync(resolve(root, 'deploy', file), 'utf8');

interface Instruction {
  name: string;
  value: string;
}

/** A Dockerfile's stages: comments gone, continued lines joined. */
function dockerStages(text: string): Instruction[][] {
  const lines = text
    .split('\n')
    .filter((line) => !/^\s*#/.test(line))
    .join('\n')
    .replaceAll('\\\n', ' ')
    .split('\n')
    .filter((line) => line.trim() !== '');
  const stages: Instruction[][] = [];
  for (const line of lines) {
    const [, name, value] = /^\s*([A-Z]+)\s+(.*)$/.exec(line) ?? assert.fail(`not an instruction: ${line}`);
    if (name === 'FROM') stages.push([]);
    stages.at(-1)!.push({ name: name!, value: value!.trim().replace(/\s+/g, ' ') });
  }
  return stages;
}

const stages = dockerStages(deployed('Dockerfile'));
const runtime = stages.at(-1)!;
const valuesOf = (stage: Instruction[], name: string): string[] =>
  stage.filter((instruction) => instruction.name === name).map(({ value }) => value);
/** What `ENV a=b c=d` sets. */
const environment = Object.fromEntries(
  valuesOf(runtime, 'ENV').flatMap((value) => value.split(' ').map((pair) => pair.split('=') as [string, string])),
);

/** A base that will be the same version tomorrow: a digest, or a tag with at least major and minor. */
const PINNED = /^[a-z0-9./-]+(:\d+\.\d+(\.\d+)?(-[a-z0-9.]+)*|@sha256:[0-9a-f]{64})$/;

test('every image is pinned by version', () => {
  for (const [from] of stages) assert.match(from!.value.split(' ')[0]!, PINNED);
  for (const file of ['compose.yaml', 'compose.acme.yaml']) {
    for (const { image, build } of Object.values(composeServices(file))) {
      if (image !== undefined && build === undefined) assert.match(image, PINNED);
    }
  }
});

test('the image is built apart from its tools and runs as a user without a name or rights', () => {
  assert.ok(stages.length >= 2);
  assert.deepEqual(valuesOf(runtime, 'USER'), ['10001:10001']);
  const user = runtime.findIndex(({ name }) => name === 'USER');
  for (const later of runtime.slice(user + 1)) {
    assert.ok(!['RUN', 'COPY', 'ADD', 'USER'].includes(later.name), `${later.name} after USER`);
  }
  for (const copied of valuesOf(runtime, 'COPY')) assert.doesNotMatch(copied, /--chown|--chmod/);
  assert.match(valuesOf(stages[0]!, 'RUN').join('\n'), /npm ci --omit=dev/);
});

test('nothing is fetched from an address and no secret is built in', () => {
  for (const { name, value } of stages.flat()) {
    assert.notEqual(name, 'ADD');
    assert.doesNotMatch(value, /\b(curl|wget)\b|https?:\/\//);
    assert.doesNotMatch(value, /--mount=type=ssh/);
    if (name === 'ENV' || name === 'ARG') assert.doesNotMatch(value, /KEY|SECRET|TOKEN|PASSWORD|CREDENTIAL/i);
  }
  const [everything, ...kept] = deployed('Dockerfile.dockerignore')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  assert.equal(everything, '*');
  const copied = stages.flatMap((stage) => valuesOf(stage, 'COPY').filter((value) => !value.includes('--from=')));
  for (const source of copied.flatMap((value) => value.split(' ').slice(0, -1))) {
    assert.ok(kept.includes(`!${source.replace(/^\.\//, '')}`), `${source} is not sent to the builder`);
  }
});

test('the image starts safe: with TLS beyond loopback, and with a check of its health', () => {
  const { settings } = loadSettings({ env: environment });
  assert.equal(settings.sslEnabled, true);
  assert.equal(settings.authDisabled, false);
  assert.equal(settings.dataDir, valuesOf(runtime, 'VOLUME')[0]);
  assert.equal(String(settings.port), valuesOf(runtime, 'EXPOSE')[0]);
  assert.deepEqual(healthcheck(), ['node', 'deploy/healthcheck.ts']);
});

function healthcheck(): string[] {
  return JSON.parse(/CMD (\[.*\])$/.exec(valuesOf(runtime, 'HEALTHCHECK')[0]!)![1]!) as string[];
}

interface Service {
  image?: string;
  build?: unknown;
  ports?: string[];
  environment?: Record<string, string>;
  read_only?: boolean;
  cap_drop?: string[];
  cap_add?: string[];
  security_opt?: string[];
  privileged?: boolean;
  network_mode?: string;
  pid?: string;
  tmpfs?: string[];
  volumes?: string[];
  mem_limit?: string;
  pids_limit?: number;
  networks?: Record<string, { ipv4_address?: string }>;
}

function composeServices(file: string): Record<string, Service> {
  return (parse(deployed(file)) as { services: Record<string, Service> }).services;
}

/** Both files together, as `docker compose -f … -f …` merges them where it matters here. */
function publicServices(): Record<string, Service> {
  const merged = composeServices('compose.yaml');
  for (const [name, service] of Object.entries(composeServices('compose.acme.yaml'))) {
    const base = merged[name] ?? {};
    merged[name] = { ...base, ...service, environment: { ...base.environment, ...service.environment } };
  }
  return merged;
}

test('every service runs with a read-only root, no capabilities, no new privileges and bounded memory', () => {
  for (const [name, service] of Object.entries(publicServices())) {
    assert.equal(service.read_only, true, name);
    assert.deepEqual(service.cap_drop, ['ALL'], name);
    assert.deepEqual(service.cap_add ?? [], name === 'proxy' ? ['NET_BIND_SERVICE'] : [], name);
    assert.deepEqual(service.security_opt, ['no-new-privileges:true'], name);
    assert.match(service.mem_limit ?? '', /^\d+[mg]$/, name);
    assert.ok(service.pids_limit! > 0, name);
    for (const mount of service.tmpfs ?? []) assert.match(mount, /noexec,nosuid,nodev$/, name);
    for (const mount of service.volumes ?? []) {
      assert.doesNotMatch(mount, /docker\.sock|^\/|^\.\.:/, name);
      if (mount.startsWith('.')) assert.match(mount, /:ro$/, name);
    }
    for (const key of ['privileged', 'network_mode', 'pid'] as const) assert.equal(service[key], undefined, name);
  }
});

test('the server is published on loopback only, and only the proxy to the world', () => {
  const services = publicServices();
  for (const port of services['open-speech']!.ports!) assert.match(port, /^127\.0\.0\.1:\d+:8100$/);
  assert.deepEqual(services.proxy!.ports, ['80:80', '443:443', '443:443/udp']);
});

test('the settings of both compositions are taken by the server, and only the proxy is believed', () => {
  const alone = composeServices('compose.yaml')['open-speech']!.environment!;
  loadSettings({ env: { ...environment, ...alone } });
  const { proxy, 'open-speech': server } = publicServices();
  const named = Object.fromEntries(
    Object.entries(server!.environment!).map(([name, value]) => [name, value.replace(/^\$\{.*\}$/, 'speech.test')]),
  );
  const { settings } = loadSettings({ env: { ...environment, ...named } });
  assert.deepEqual(settings.publicHosts, ['speech.test']);
  assert.deepEqual(settings.proxyNetworks, [`${proxy!.networks!.behind!.ipv4_address}/32`]);
  assert.match(deployed('Caddyfile'), new RegExp(`reverse_proxy open-speech:${settings.port}\\n`));
});

interface Workflow {
  on: Record<string, unknown>;
  permissions: unknown;
  jobs: Record<
    string,
    { permissions?: unknown; steps: { uses?: string; run?: string; with?: Record<string, unknown> }[] }
  >;
}

test('workflows may only read, keep no credentials, and take nothing from whoever opens a pull request', () => {
  const folder = resolve(root, '.github/workflows');
  for (const file of readdirSync(folder)) {
    const workflow = parse(readFileSync(resolve(folder, file), 'utf8')) as Workflow;
    assert.deepEqual(workflow.permissions, { contents: 'read' }, file);
    assert.ok(!('pull_request_target' in workflow.on) && !('workflow_run' in workflow.on), file);
    for (const [name, { permissions, steps }] of Object.entries(workflow.jobs)) {
      assert.equal(permissions, undefined, name);
      for (const { uses, run, with: inputs } of steps) {
        if (uses !== undefined) assert.match(uses, /^actions\/[a-z-]+@(v\d+|[0-9a-f]{40})$/, file);
        if (uses?.startsWith('actions/checkout@')) assert.equal(inputs?.['persist-credentials'], false, name);
        // What others wrote, such as a branch's name, must never become part of a command.
        assert.doesNotMatch(run ?? '', /\$\{\{/, file);
      }
    }
  }
});

/** The directives of a unit file's section; one given twice keeps all its values. */
function unitSection(text: string, section: string): Map<string, string[]> {
  const found = new Map<string, string[]>();
  let current = '';
  for (const line of text.split('\n')) {
    const heading = /^\[(.+)\]$/.exec(line)?.[1];
    if (heading !== undefined) current = heading;
    const [, name, value] = /^([A-Za-z]+)=(.*)$/.exec(line) ?? [];
    if (current === section && name !== undefined) found.set(name, [...(found.get(name) ?? []), value!]);
  }
  return found;
}

test('the system service has its own user and may touch nothing but its data folder', () => {
  const service = unitSection(deployed('open-speech.service'), 'Service');
  const only = (name: string): string | undefined => {
    const values = service.get(name);
    return values?.length === 1 ? values[0] : undefined;
  };
  for (const name of [
    ...['NoNewPrivileges', 'ProtectHome', 'PrivateTmp', 'PrivateDevices', 'PrivateUsers', 'ProtectHostname'],
    ...['ProtectClock', 'ProtectKernelTunables', 'ProtectKernelModules', 'ProtectKernelLogs', 'ProtectControlGroups'],
    ...['RestrictNamespaces', 'RestrictRealtime', 'RestrictSUIDSGID', 'RemoveIPC', 'LockPersonality'],
  ]) {
    assert.equal(only(name), 'true', name);
  }
  assert.equal(only('User'), 'open-speech');
  assert.equal(only('ProtectSystem'), 'strict');
  assert.equal(only('CapabilityBoundingSet'), '');
  assert.equal(only('AmbientCapabilities'), '');
  assert.equal(only('UMask'), '0077');
  assert.equal(only('StateDirectoryMode'), '0700');
  assert.equal(only('RestrictAddressFamilies'), 'AF_UNIX AF_INET AF_INET6');
  assert.deepEqual(service.get('SystemCallFilter'), ['@system-service', '~@privileged']);
  assert.equal(service.get('ReadWritePaths'), undefined);
  assert.equal(only('Environment'), `OS_DATA_DIR=/var/lib/${only('StateDirectory')}`);
});

const setpriv = '/usr/bin/setpriv';

test("the image's command runs as its user without any capability, answers its health check, and stops when told", {
  skip: needs({ setpriv }),
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'open-speech-image-'));
  const dataDir = join(folder, 'data');
  mkdirSync(dataDir, { mode: 0o700 });
  const restrictions = ['--no-new-privs', '--inh-caps=-all'];
  if (process.getuid?.() === 0) {
    restrictions.push('--bounding-set=-all');
    const [uid, gid] = valuesOf(runtime, 'USER')[0]!.split(':') as [string, string];
    const user = [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'];
    // In the image everyone may read the program. A checkout that only its owner can enter is run by its owner.
    if (spawnSync(setpriv, [...user, 'test', '-r', join(root, 'bin/open-speech.js')]).status === 0) {
      chownSync(folder, Number(uid), Number(gid));
      chownSync(dataDir, Number(uid), Number(gid));
      restrictions.push(...user);
    }
  }
  const port = await freePort();
  const env = {
    ...environment,
    PATH: `${dirname(process.execPath)}:/usr/bin:/bin`,
    HOME: dataDir,
    OS_DATA_DIR: dataDir,
    OS_HOST: '127.0.0.1',
    OS_PORT: String(port),
    OS_FETCH_FIRST_MODELS: 'false',
  };
  const run = (command: string[]) => ({
    file: 'setpriv',
    args: [...restrictions, ...command],
    options: { cwd: root, env },
  });
  const check = (): number | null => {
    const { file, args, options } = run(healthcheck());
    return spawnSync(file, args, options).status;
  };
  const { file, args, options } = run(JSON.parse(valuesOf(runtime, 'CMD')[0]!) as string[]);
  assert.equal(check(), 1, 'nobody is there yet');
  const server = spawn(file, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [server.stdout, server.stderr]) stream.on('data', (data: Buffer) => (said += data.toString()));
  const exited = once(server, 'exit');
  try {
    while (check() !== 0) {
      assert.equal(server.exitCode, null, said);
      await sleep(100);
    }
    server.kill('SIGTERM');
    assert.deepEqual(await exited, [0, null], said);
  } finally {
    server.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
});

/** A port nobody listens on at the moment. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
