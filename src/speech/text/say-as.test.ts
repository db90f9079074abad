import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Interpretation, sayAs } from './say-as.ts';

const SPOKEN: [as: Interpretation, written: string, spoken: string, format?: string][] = [
  ['characters', 'aB-1', 'A B dash one'],
  ['spell-out', 'straße é 👍', 'S T R A ß E É 👍'],
  ['cardinal', '0', 'zero'],
  ['cardinal', '1,234,567', 'one million two hundred thirty-four thousand five hundred sixty-seven'],
  ['cardinal', '-3.14', 'minus three point one four'],
  ['cardinal', '100', 'one hundred'],
  ['cardinal', '20', 'twenty'],
  [
    'cardinal',
    '999999999999999999',
    'nine hundred ninety-nine quadrillion nine hundred ninety-nine trillion nine hundred ninety-nine billion nine hundred ninety-nine million nine hundred ninety-nine thousand nine hundred ninety-nine',
  ],
  ['ordinal', '1', 'first'],
  ['ordinal', '22nd', 'twenty-second'],
  ['ordinal', '30', 'thirtieth'],
  ['ordinal', '112', 'one hundred twelfth'],
  ['digits', '12-03', 'one two, zero three'],
  ['date', '2020-03-04', 'March fourth, twenty twenty'],
  ['date', '20200304', 'March fourth, twenty twenty'],
  ['date', '3/4/2001', 'March fourth, two thousand one'],
  ['date', '3.4.1905', 'April third, nineteen oh five', 'dmy'],
  ['date', '12/25', 'December twenty-fifth', 'md'],
  ['date', '1900', 'nineteen hundred', 'y'],
  ['date', '2020-02', 'February twenty twenty'],
  ['time', '10:30', 'ten thirty'],
  ['time', '2:05pm', 'two oh five P M'],
  ['time', '9:00 a.m.', 'nine A M'],
  ['time', '10:00', "ten o'clock"],
  ['time', '14:00:01', 'fourteen hundred and one second'],
  ['telephone', '+1 (555) 012-3456', 'plus one, five five five, zero one two, three four five six'],
  ['telephone', '5550100 ext. 12', 'five five five zero one zero zero, extension one two'],
  ['fraction', '1/2', 'one half'],
  ['fraction', '3/4', 'three quarters'],
  ['fraction', '2 5/8', 'two and five eighths'],
  ['fraction', '3/200', 'three over two hundred'],
  ['unit', '1 km', 'one kilometer'],
  ['unit', '5ft', 'five feet'],
  ['unit', '21.5°C', 'twenty-one point five degrees Celsius'],
  ['unit', '90 km/h', 'ninety kilometers per hour'],
];
for (const [as, written, spoken, format] of SPOKEN) {
  test(`"${written}" as ${as}${format === undefined ? '' : ` (${format})`} is said "${spoken}"`, () => {
    assert.equal(sayAs(written, as, format, 'en-US'), spoken);
  });
}

test('a date without a format is read as its country writes it', () => {
  assert.equal(sayAs('3/4/2020', 'date', undefined, 'en-US'), 'March fourth, twenty twenty');
  assert.equal(sayAs('3/4/2020', 'date', undefined, 'en-GB'), 'April third, twenty twenty');
});

test('what does not look like what it is said to be stays as it is', () => {
  const odd: [Interpretation, string][] = [
    ['cardinal', 'twelve'],
    ['cardinal', '9'.repeat(4000)],
    ['ordinal', '1.5'],
    ['date', '13/13/2020'],
    ['date', '2020-00-10'],
    ['time', '25:00'],
    ['time', '10:75'],
    ['telephone', 'call me'],
    ['fraction', '1/0'],
    ['unit', '5 parsecs'],
    ['digits', 'none'],
  ];
  for (const [as, text] of odd) assert.equal(sayAs(text, as, undefined, 'en'), text);
});

test('other languages spell and say digits, and leave the rest to the voice', () => {
  assert.equal(sayAs('ab1', 'characters', undefined, 'de'), 'A B 1');
  assert.equal(sayAs('12-3', 'digits', undefined, 'fr'), '1 2 3');
  assert.equal(sayAs('12', 'cardinal', undefined, 'de-DE'), '12');
  assert.equal(sayAs('1.2.2020', 'date', undefined, 'de'), '1.2.2020');
});
