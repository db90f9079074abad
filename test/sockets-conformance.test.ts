/** Whether frames are read as RFC 6455 says, in the manner of the Autobahn suite, written byte by byte. */
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { ECHO_KEY, type EchoServer, echoDuring } from './support/echo-sockets.ts';
import { closing, frame, framesIn, knock, OPCODE } from './support/frames.ts';
import type { RawConnection } from './support/raw.ts';
import { until } from './support/until.ts';

const { continuation, text, binary, close, ping, pong } = OPCODE;

const open = async (server: EchoServer): Promise<RawConnection> => {
  const { connection, answer } = await knock(server.url, '/echo', `Authorization: Bearer ${ECHO_KEY}`);
  assert.equal(answer.status, 101);
  return connection;
};

interface Said {
  opcode: number;
  payload: string;
}

/** What the server says to these bytes; it is ended with a goodbye unless it ends by itself. */
async function say(
  server: EchoServer,
  pieces: readonly Uint8Array[],
): Promise<{ said: Said[]; code: number | undefined }> {
  const connection = await open(server);
  for (const piece of pieces) await connection.write(piece);
  await connection.write(frame({ opcode: close, payload: closing(1000) }));
  await connection.end();
  const frames = framesIn(connection.received);
  const last = frames.at(-1);
  connection.close();
  assert.ok(
    frames.slice(0, -1).every(({ opcode }) => opcode !== close),
    'nothing follows a close frame',
  );
  assert.ok(frames.every(({ fin }) => fin));
  return {
    said: frames
      .filter(({ opcode }) => opcode !== close)
      .map(({ opcode, payload }) => ({ opcode, payload: payload.toString('latin1') })),
    code: last?.opcode === close && last.payload.length >= 2 ? last.payload.readUInt16BE() : undefined,
  };
}

const echoed = (words: string): Said => ({
  opcode: text,
  payload: Buffer.from(JSON.stringify({ echo: words })).toString('latin1'),
});

async function serve(t: TestContext): Promise<EchoServer> {
  return echoDuring(t, { env: { OS_WS_MAX_HANDSHAKES: '100000' } });
}

describe('frames', () => {
  test('of every size that changes their head come back whole, text and binary', async (t) => {
    const server = await serve(t);
    for (const size of [0, 1, 125, 126, 127, 128, 65_535, 65_536, 131_072]) {
      const { said, code } = await say(server, [
        frame({ opcode: binary, payload: Buffer.alloc(size, 0xfe) }),
        frame({ opcode: text, payload: 'x'.repeat(size) }),
      ]);
      assert.equal(code, 1000);
      assert.deepEqual(
        said.map(({ opcode, payload }) => [opcode, payload.length]),
        [
          [binary, size],
          [text, size + '{"echo":""}'.length],
        ],
      );
    }
  });

  test('that come byte by byte, or many in one piece, are the same frames', async (t) => {
    const server = await serve(t);
    const message = frame({ opcode: text, payload: 'slowly, grüße' });
    const single = [...message].map((byte) => Buffer.from([byte]));
    assert.deepEqual(await say(server, single), { said: [echoed('slowly, grüße')], code: 1000 });
    const many = Array.from({ length: 100 }, (_, i) => frame({ opcode: text, payload: String(i) }));
    const { said } = await say(server, [Buffer.concat(many)]);
    assert.deepEqual(
      said,
      Array.from({ length: 100 }, (_, i) => echoed(String(i))),
    );
  });

  test('with a reserved bit, a reserved opcode or no mask end the socket with 1002, and nothing of them is used', async (t) => {
    const server = await serve(t);
    const bad = [
      ...[1, 2, 3, 4, 5, 6, 7].map((reserved) => frame({ opcode: text, payload: 'x', reserved })),
      ...[1, 2, 4].map((reserved) => frame({ opcode: ping, payload: 'x', reserved })),
      ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((opcode) => frame({ opcode, payload: 'x' })),
      ...[text, binary, ping, close].map((opcode) => frame({ opcode, masked: false })),
    ];
    for (const bytes of bad) {
      const before = frame({ opcode: text, payload: 'before' });
      const after = frame({ opcode: text, payload: 'after' });
      const { said, code } = await say(server, [Buffer.concat([before, bytes, after])]);
      assert.equal(code, 1002, bytes.toString('hex'));
      assert.deepEqual(said, [echoed('before')], bytes.toString('hex'));
    }
  });

  test('may state no length that nobody could send', async (t) => {
    const server = await serve(t);
    for (const length of [2n ** 63n, 2n ** 64n - 1n, 2n ** 53n, 2n ** 32n]) {
      const { code } = await say(server, [frame({ opcode: binary, length })]);
      assert.equal(code, 1009);
    }
  });
});

describe('noise', () => {
  /** The same sequence in every run. */
  function dice(seed: number): (sides: number) => number {
    let state = seed;
    return (sides) => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((state / 2 ** 32) * sides);
    };
  }

  test('on the wire ends its own socket at most: whatever bytes come, the server answers the next', async (t) => {
    const server = await serve(t);
    const roll = dice(20_261_122);
    const good = Buffer.concat([
      frame({ opcode: text, payload: '{"type":"x"}' }),
      frame({ opcode: binary, payload: Buffer.alloc(200, 7), fin: false }),
      frame({ opcode: ping, payload: 'p' }),
      frame({ opcode: continuation, payload: Buffer.alloc(70_000) }),
      frame({ opcode: close, payload: closing(1000) }),
    ]);
    for (let round = 0; round < 500; round++) {
      const bytes = Buffer.from(good.subarray(0, 1 + roll(good.length)));
      for (let n = roll(6); n >= 0; n--) {
        // Heads lie near the beginning, where a changed byte means most.
        bytes[roll(Math.min(bytes.length, roll(3) === 0 ? bytes.length : 260))] = roll(256);
      }
      const connection = await open(server);
      await connection.write(bytes);
      if (round % 3 === 0) await new Promise(setImmediate);
      connection.close();
      const codes = framesIn(connection.received).filter(({ opcode }) => opcode === close);
      assert.ok(codes.length <= 1);
    }
    await until(() => server.front.sockets.size === 0);
    assert.deepEqual((await say(server, [frame({ opcode: text, payload: 'x' })])).said, [echoed('x')]);
    assert.doesNotMatch(server.log.join(''), /"level":"error"/);
  });
});

describe('fragments', () => {
  test('make one message, with control frames between them answered at once', async (t) => {
    const server = await serve(t);
    const { said, code } = await say(server, [
      frame({ opcode: text, payload: 'one ', fin: false }),
      frame({ opcode: ping, payload: 'p1' }),
      frame({ opcode: continuation, payload: '', fin: false }),
      frame({ opcode: pong, payload: 'unasked' }),
      frame({ opcode: continuation, payload: 'two', fin: false }),
      frame({ opcode: ping, payload: 'p2' }),
      frame({ opcode: continuation, payload: ' three' }),
      frame({ opcode: binary, payload: 'next' }),
    ]);
    assert.deepEqual(said, [
      { opcode: pong, payload: 'p1' },
      { opcode: pong, payload: 'p2' },
      echoed('one two three'),
      { opcode: binary, payload: 'next' },
    ]);
    assert.equal(code, 1000);
  });

  test('that are nothing but empty make an empty message', async (t) => {
    const server = await serve(t);
    const { said } = await say(server, [
      frame({ opcode: text, fin: false }),
      frame({ opcode: continuation, fin: false }),
      frame({ opcode: continuation }),
    ]);
    assert.deepEqual(said, [echoed('')]);
  });

  test('out of order end the socket with 1002', async (t) => {
    const server = await serve(t);
    const begun = frame({ opcode: text, payload: 'begun', fin: false });
    const orders = [
      [frame({ opcode: continuation, payload: 'nothing to continue' })],
      [frame({ opcode: continuation, payload: 'nothing to continue', fin: false })],
      [begun, frame({ opcode: text, payload: 'another' })],
      [begun, frame({ opcode: binary, payload: 'another', fin: false })],
      [begun, frame({ opcode: continuation }), frame({ opcode: continuation })],
    ];
    for (const order of orders) assert.equal((await say(server, order)).code, 1002);
  });
});

describe('control frames', () => {
  test('of up to 125 bytes are answered with the same bytes', async (t) => {
    const server = await serve(t);
    for (const size of [0, 1, 124, 125]) {
      const payload = Buffer.alloc(size, 0xff);
      const { said, code } = await say(server, [frame({ opcode: ping, payload })]);
      assert.deepEqual(said, [{ opcode: pong, payload: payload.toString('latin1') }]);
      assert.equal(code, 1000);
    }
  });

  test('that nobody asked for change nothing', async (t) => {
    const server = await serve(t);
    assert.deepEqual(await say(server, [frame({ opcode: pong, payload: 'x' }), frame({ opcode: pong })]), {
      said: [],
      code: 1000,
    });
  });

  test('longer than 125 bytes, or in pieces, end the socket with 1002', async (t) => {
    const server = await serve(t);
    for (const opcode of [ping, pong, close]) {
      assert.equal((await say(server, [frame({ opcode, payload: Buffer.alloc(126, 3) })])).code, 1002);
      assert.equal((await say(server, [frame({ opcode, payload: Buffer.alloc(65_536, 3) })])).code, 1002);
      assert.equal((await say(server, [frame({ opcode, payload: closing(1000), fin: false })])).code, 1002);
    }
  });
});

describe('text', () => {
  const good = ['κόσμε', '\u{0}', '\u{7f}\u{80}\u{7ff}\u{800}\u{ffff}\u{10000}\u{10ffff}', '\ud7ff\ue000', '𝄞🎙'];
  const bad = [
    'ff',
    'c0af',
    'e080af',
    'f080',
    'eda080',
    'edbfbf',
    'f4908080',
    'f8888080',
    'ce',
    '80',
    'cebae1bdb9cf83cebcceb5eda080',
  ];

  test('that is UTF-8 passes, also where a piece ends in the middle of a character', async (t) => {
    const server = await serve(t);
    for (const words of good) {
      const bytes = Buffer.from(words);
      assert.deepEqual((await say(server, [frame({ opcode: text, payload: bytes })])).said, [echoed(words)]);
      const pieces = [...bytes].map((byte, i) =>
        frame({ opcode: i === 0 ? text : continuation, payload: Buffer.from([byte]), fin: i === bytes.length - 1 }),
      );
      assert.deepEqual((await say(server, pieces)).said, [echoed(words)]);
    }
  });

  test('that is not UTF-8 ends the socket with 1007, in one piece and in many', async (t) => {
    const server = await serve(t);
    for (const hex of bad) {
      const bytes = Buffer.from(hex, 'hex');
      assert.deepEqual(await say(server, [frame({ opcode: text, payload: bytes })]), { said: [], code: 1007 }, hex);
      const split = [
        frame({ opcode: text, payload: 'fine so far ', fin: false }),
        frame({ opcode: continuation, payload: bytes }),
      ];
      assert.deepEqual(await say(server, split), { said: [], code: 1007 }, hex);
    }
  });

  test('of a binary message may be anything', async (t) => {
    const server = await serve(t);
    for (const hex of bad) {
      const payload = Buffer.from(hex, 'hex');
      const { said } = await say(server, [frame({ opcode: binary, payload })]);
      assert.deepEqual(said, [{ opcode: binary, payload: payload.toString('latin1') }]);
    }
  });
});

describe('closing', () => {
  const closeWith = async (server: EchoServer, payload: Uint8Array) => {
    const connection = await open(server);
    await connection.write(frame({ opcode: close, payload }));
    await connection.end();
    const frames = framesIn(connection.received);
    connection.close();
    assert.equal(frames.length, 1);
    assert.equal(frames[0]!.opcode, close);
    return frames[0]!.payload.length === 0 ? undefined : frames[0]!.payload.readUInt16BE();
  };

  test('with a code that may be sent is answered with it', async (t) => {
    const server = await serve(t);
    for (const code of [
      1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999,
    ]) {
      assert.equal(await closeWith(server, closing(code, 'ü'.repeat(61))), code);
    }
    const empty = await closeWith(server, Buffer.alloc(0));
    assert.ok(empty === undefined || empty === 1000, `${empty}`);
  });

  test('with a code that may not be sent, half a code or a reason that is not UTF-8 is a fault', async (t) => {
    const server = await serve(t);
    for (const code of [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535]) {
      assert.equal(await closeWith(server, closing(code)), 1002, String(code));
    }
    assert.equal(await closeWith(server, Buffer.from([3])), 1002);
    assert.equal(await closeWith(server, closing(1000, Buffer.from('ceba80ff', 'hex'))), 1007);
  });

  test('ends everything: what comes behind it is not heard, whatever it is', async (t) => {
    const server = await serve(t);
    const late = [frame({ opcode: text, payload: 'late' }), frame({ opcode: ping }), Buffer.alloc(1000, 0xff)];
    const bye = frame({ opcode: close, payload: closing(1000) });
    assert.deepEqual(await say(server, [Buffer.concat([bye, ...late])]), { said: [], code: 1000 });
  });

  test('without a word, at any byte of a frame, leaves nothing behind', async (t) => {
    const server = await serve(t);
    const bytes = Buffer.concat([
      frame({ opcode: text, payload: 'begun', fin: false }),
      frame({ opcode: ping, payload: 'p' }),
      frame({ opcode: continuation, payload: 'y'.repeat(200) }),
    ]);
    for (let at = 0; at <= bytes.length; at += 3) {
      const connection = await open(server);
      await connection.write(bytes.subarray(0, at));
      if (at % 2 === 0) connection.socket.resetAndDestroy();
      else connection.close();
    }
    await until(() => server.front.sockets.size === 0);
    assert.deepEqual((await say(server, [frame({ opcode: text, payload: 'x' })])).said, [echoed('x')]);
  });
});
