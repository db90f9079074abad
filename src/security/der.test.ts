import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bitString, explicit, integer, objectId, octetString, sequence, time } from './der.ts';

const hex = (bytes: Buffer) => bytes.toString('hex');

test('whole numbers are written in their shortest form and never turn negative', () => {
  assert.equal(hex(integer(Buffer.of(0))), '020100');
  assert.equal(hex(integer(Buffer.of(0x7f))), '02017f');
  assert.equal(hex(integer(Buffer.of(0x80))), '02020080');
  assert.equal(hex(integer(Buffer.of(0, 0, 1))), '020101');
  assert.equal(hex(integer(Buffer.alloc(0))), '020100');
});

test('lengths take as many bytes as they need', () => {
  assert.equal(hex(octetString(Buffer.alloc(127)).subarray(0, 2)), '047f');
  assert.equal(hex(octetString(Buffer.alloc(128)).subarray(0, 3)), '048180');
  assert.equal(hex(octetString(Buffer.alloc(255)).subarray(0, 3)), '0481ff');
  assert.equal(hex(octetString(Buffer.alloc(256)).subarray(0, 4)), '04820100');
  assert.equal(hex(octetString(Buffer.alloc(70_000)).subarray(0, 5)), '0483011170');
});

test('object identifiers are packed seven bits to a byte', () => {
  assert.equal(hex(objectId('1.2.840.113549')), '06062a864886f70d');
  assert.equal(hex(objectId('2.5.4.3')), '0603550403');
});

test('elements nest, and bit strings tell their unused bits', () => {
  assert.equal(hex(sequence(explicit(0, integer(Buffer.of(2))))), '3005a003020102');
  assert.equal(hex(bitString(Buffer.of(0x80), 7)), '03020780');
});

test('times change their form in 2050', () => {
  assert.equal(time(new Date('2049-12-31T23:59:59.999Z')).toString('latin1'), '\x17\x0d491231235959Z');
  assert.equal(time(new Date('2050-01-01T00:00:00Z')).toString('latin1'), '\x18\x0f20500101000000Z');
});
