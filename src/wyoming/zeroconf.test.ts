import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { FUZZ_RUNS, mutateBytes, randomOf } from '../../test/support/mutate.ts';
import { until } from '../../test/support/until.ts';
import { openLog } from '../telemetry/log.ts';
import { encodeAnswer, encodeName, type Question, readQuery, TYPE, uint16 } from './dns-message.ts';
import { announce, answersTo, serviceRecords } from './zeroconf.ts';

const OPTIONS = {
  instance: 'Speech v1.2',
  hostName: 'my_box.lan',
  port: 10_400,
  addresses: () => [
    { address: '192.0.2.7', cidr: '192.0.2.7/24' },
    { address: 'fd00::7', cidr: 'fd00::7/64' },
  ],
};
const INSTANCE = 'Speech v1\\.2._wyoming._tcp.local';
const HOST = 'Speech-v1-2-my-box-lan.local';

function query(questions: readonly Partial<Question>[], known: Buffer = Buffer.alloc(0), knownCount = 0): Buffer {
  const header = Buffer.concat([0x1234, 0, questions.length, knownCount, 0, 0].map(uint16));
  const asked = questions.map(({ name = '', type = TYPE.PTR, unicast = false }) =>
    Buffer.concat([encodeName(name), uint16(type), uint16(unicast ? 0x8001 : 1)]),
  );
  return Buffer.concat([header, ...asked, known]);
}

const ask = (name: string, type: number) => [{ name, type, unicast: false }];

test('whoever looks for Wyoming servers is told all it takes to connect, in one answer', () => {
  const records = serviceRecords(OPTIONS);
  const { answers, additional } = answersTo(ask('_Wyoming._tcp.LOCAL', TYPE.PTR), [], records);
  assert.deepEqual(
    answers.map(({ data }) => data),
    [encodeName(INSTANCE)],
  );
  assert.deepEqual(
    additional.map(({ name, type, data }) => [name, type, data]),
    [
      [INSTANCE, TYPE.SRV, Buffer.concat([Buffer.alloc(4), uint16(10_400), encodeName(HOST)])],
      [INSTANCE, TYPE.TXT, Buffer.of(0)],
      [HOST, TYPE.A, Buffer.of(192, 0, 2, 7)],
      [HOST, TYPE.AAAA, Buffer.from('fd000000000000000000000000000007', 'hex')],
    ],
  );
});

test('each record is found by its name and type, and nothing else is answered', () => {
  const records = serviceRecords(OPTIONS);
  const found = (name: string, type: number) =>
    answersTo(ask(name, type), [], records).answers.map((each) => each.type);
  assert.deepEqual(found(INSTANCE, TYPE.ANY), [TYPE.SRV, TYPE.TXT]);
  assert.deepEqual(found(HOST, TYPE.A), [TYPE.A]);
  assert.deepEqual(found('_services._dns-sd._udp.local', TYPE.PTR), [TYPE.PTR]);
  assert.deepEqual(found('_http._tcp.local', TYPE.PTR), []);
  assert.deepEqual(found('_wyoming._tcp.local', TYPE.A), []);
});

test('what the asker knows already is not told again, until it has grown old', () => {
  const records = serviceRecords(OPTIONS);
  for (const [ttl, told] of [
    [4500, 0],
    [2250, 0],
    [2249, 1],
  ] as const) {
    const known = encodeAnswer({ answers: [{ ...records[0]!, ttl }] }).subarray(12);
    const read = readQuery(query([{ name: '_wyoming._tcp.local' }], known, 1))!;
    assert.equal(answersTo(read.questions, read.known, records).answers.length, told, `${ttl} s`);
  }
});

test('queries are read with names that point to each other, and answers and broken ones are none', () => {
  const name = encodeName('_wyoming._tcp.local');
  const first = query([{ name: '_wyoming._tcp.local', unicast: true }, {}]).subarray(0, 12 + name.length + 4);
  // The second name is a pointer to the first, behind a label of its own.
  const second = Buffer.concat([encodeName('x').subarray(0, 2), uint16(0xc00c), uint16(TYPE.SRV), uint16(1)]);
  assert.deepEqual(readQuery(Buffer.concat([first, second]))?.questions, [
    { name: '_wyoming._tcp.local', type: TYPE.PTR, unicast: true },
    { name: 'x._wyoming._tcp.local', type: TYPE.SRV, unicast: false },
  ]);
  assert.equal(readQuery(encodeAnswer({ answers: [] })), undefined);
  const circle = Buffer.concat([query([{}]).subarray(0, 12), uint16(0xc00c), uint16(TYPE.PTR), uint16(1)]);
  assert.equal(readQuery(circle), undefined);
  for (let length = 0; length < first.length; length++) assert.equal(readQuery(first.subarray(0, length)), undefined);
});

test('whatever arrives is a query or is not', () => {
  const random = randomOf(5);
  const known = encodeAnswer({ answers: serviceRecords(OPTIONS) }).subarray(12);
  const whole = query([{ name: '_wyoming._tcp.local' }, { name: INSTANCE, type: TYPE.ANY }], known, 6);
  const records = serviceRecords(OPTIONS);
  for (let run = 0; run < FUZZ_RUNS; run++) {
    const read = readQuery(Buffer.from(mutateBytes(whole, random)));
    if (read === undefined) continue;
    const { answers, additional } = answersTo(read.questions, read.known, records);
    assert.ok(encodeAnswer({ questions: read.questions, answers, additional }).length < 65_536);
  }
});

test('a name of any length and alphabet has labels of at most 63 bytes', () => {
  assert.equal(encodeName('ü'.repeat(100))[0], 62);
  assert.deepEqual(encodeName('a\\.b.c'), Buffer.from('\u0003a.b\u0001c\u0000'));
});

async function asker(): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return socket;
}

test('a server answers over the network, each asker a bounded number of times, and strangers never', async (t) => {
  const log = openLog({ level: 'silent' });
  let near = '127.0.0.1/8';
  let looked = 0;
  const addresses = () => {
    looked++;
    return [{ address: '127.0.0.1', cidr: near }];
  };
  const zeroconf = await announce({ ...OPTIONS, addresses, log, udpPort: 0 });
  t.after(() => zeroconf.close());
  const socket = await asker();
  t.after(() => socket.close());
  const question = query([{ name: '_wyoming._tcp.local' }]);
  const send = () => socket.send(question, zeroconf.udpPort, '127.0.0.1');
  send();
  const [answer] = (await once(socket, 'message')) as [Buffer];
  assert.equal(answer.readUInt16BE(0), 0x1234, 'with the number of the question');
  assert.deepEqual(
    [...Array(4).keys()].map((at) => answer.readUInt16BE(4 + at * 2)),
    [1, 1, 0, 3],
  );
  let more = 0;
  socket.on('message', () => more++);
  // So many that somebody wants to keep the server busy; some of them name nothing that is here.
  const other = query([{ name: '_http._tcp.local' }]);
  for (let times = 0; times < 2000; times++) {
    send();
    socket.send(other, zeroconf.udpPort, '127.0.0.1');
    if (times % 20 === 0) await sleep(1);
  }
  await until(() => more >= 19);
  await sleep(50);
  assert.ok(more <= 60, 'twenty a second');
  assert.ok(looked < 1000, `${looked} looks at the network's addresses`);
  near = '192.0.2.0/24';
  await sleep(1000);
  more = 0;
  for (let times = 0; times < 5; times++) send();
  socket.send(Buffer.from('garbage'), zeroconf.udpPort, '127.0.0.1');
  await sleep(50);
  assert.equal(more, 0);
});
