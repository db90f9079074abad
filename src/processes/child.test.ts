import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { Child, type ChildOptions } from './child.ts';

const module = resolve(import.meta.dirname, '../../test/support/children/echo.ts');

function start(options: Partial<ChildOptions> = {}) {
  const inbox = new EventEmitter();
  const child = new Child({
    module,
    name: 'echo',
    readable: [],
    memoryBytes: 2 ** 30,
    readyTimeoutMs: 20_000,
    init: 'x',
    onMessage: (message) => inbox.emit('message', message),
    ...options,
  });
  const ask = async (value: unknown): Promise<unknown> => {
    const answer = once(inbox, 'message');
    await child.send(value);
    return (await answer)[0];
  };
  return { child, ask };
}

test('a child answers init and echoes typed arrays', async () => {
  const { child, ask } = start({ init: 'there' });
  assert.deepEqual(await child.ready, { hello: 'there' });
  const pcm = new Float32Array([0.25, -1]);
  assert.deepEqual(await ask({ pcm }), { pcm });
  await child.stop();
  assert.equal((await child.exited).expected, true);
});

test('a child reads nothing but our code, writes nothing, starts nothing and inherits no secret', async () => {
  process.env.OS_API_KEY = 'a-secret-of-this-test';
  const { child, ask } = start();
  delete process.env.OS_API_KEY;
  for (const act of ['read', 'write', 'spawn']) assert.deepEqual(await ask(act), { failed: 'ERR_ACCESS_DENIED' });
  assert.equal(JSON.stringify(await ask('environment')).includes('secret'), false);
  await child.stop();
});

test('a refused start carries the reason', async () => {
  const { child } = start({ init: 'refuse' });
  await assert.rejects(child.ready, { code: 'model_unavailable', message: 'No such model.' });
  await child.exited;
});

test('a process that the system does not start is over at once', async (t) => {
  const { execPath } = process;
  t.after(() => Object.assign(process, { execPath }));
  process.execPath = '/no/such/program';
  const { child, ask } = start();
  process.execPath = execPath;
  await assert.rejects(child.ready, { code: 'model_unavailable', detail: /ENOENT/ });
  assert.match((await child.exited).reason, /ENOENT/);
  void ask('anything');
  child.kill();
  await child.stop();
});

test('a child that is never ready is ended', async () => {
  const { child } = start({ init: 'hang', readyTimeoutMs: 300 });
  await assert.rejects(child.ready, { code: 'model_unavailable' });
  assert.match((await child.exited).reason, /ready in time/);
});

test('native code that calls exit takes only its own process with it', async () => {
  const { child } = start();
  await child.ready;
  await child.send('exit');
  const exit = await child.exited;
  assert.deepEqual([exit.expected, exit.reason], [false, 'it exited with code 255']);
});

test('a child that outgrows its memory is ended', async () => {
  const { child } = start({ memoryBytes: 300 * 2 ** 20 });
  await child.ready;
  void child.send('eat');
  assert.match((await child.exited).reason, /more than 300/);
});
