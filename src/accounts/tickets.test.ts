import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Principal } from './scopes.ts';
import { ticketStore } from './tickets.ts';

const caller: Principal = { keyId: 'k', name: 'n', scopes: new Set(['speech', 'admin']) };

test('a ticket works once, for its path, with no more scopes than it was bought for', () => {
  const tickets = ticketStore({ entries: 10, lifetimeMs: 30_000 });
  const ticket = tickets.issue(caller, '/v1/listen', ['speech']);
  assert.match(ticket, /^st_[0-9A-Za-z]{43}$/);
  assert.deepEqual(tickets.redeem(ticket, '/v1/listen'), { ...caller, scopes: new Set(['speech']) });
  assert.equal(tickets.redeem(ticket, '/v1/listen'), undefined);
});

test('a ticket shown at another path is used up', () => {
  const tickets = ticketStore({ entries: 10, lifetimeMs: 30_000 });
  const ticket = tickets.issue(caller, '/v1/listen', ['speech']);
  assert.equal(tickets.redeem(ticket, '/v1/realtime'), undefined);
  assert.equal(tickets.redeem(ticket, '/v1/listen'), undefined);
});

test('a ticket ends after its time', () => {
  let now = 0;
  const tickets = ticketStore({ entries: 10, lifetimeMs: 1000, now: () => now });
  const early = tickets.issue(caller, '/a', ['speech']);
  const late = tickets.issue(caller, '/a', ['speech']);
  now = 999;
  assert.ok(tickets.redeem(early, '/a'));
  now = 1000;
  assert.equal(tickets.redeem(late, '/a'), undefined);
});

test('a full store refuses more, and has room again when tickets end', () => {
  let now = 0;
  const tickets = ticketStore({ entries: 2, lifetimeMs: 1000, now: () => now });
  tickets.issue(caller, '/a', ['speech']);
  tickets.issue(caller, '/a', ['speech']);
  assert.throws(() => tickets.issue(caller, '/a', ['speech']), { code: 'overloaded' });
  now = 1000;
  tickets.issue(caller, '/a', ['speech']);
  assert.equal(tickets.size(), 1);
});

test('anything else is no ticket', () => {
  const tickets = ticketStore({ entries: 2, lifetimeMs: 1000 });
  for (const text of ['', 'st_', 'os_x', `st_${'a'.repeat(42)}`, `st_${'a'.repeat(43)}`, `st_${'ä'.repeat(43)}`]) {
    assert.equal(tickets.redeem(text, '/a'), undefined);
  }
});
