import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Partials } from './partials.ts';

function told(...hypotheses: string[]): (string | undefined)[] {
  const partials = new Partials();
  return hypotheses.map((hypothesis) => {
    const partial = partials.next(hypothesis);
    return partial && `${partial.text.slice(0, partial.confirmed)}|${partial.text.slice(partial.confirmed)}`;
  });
}

test('words are confirmed once two hypotheses agree on them and have heard what follows', () => {
  assert.deepEqual(told('the', 'the quick', 'the quick brown', 'the quick brow fox'), [
    ...['|the', '|the quick', 'the| quick brown', 'the quick| brow fox'],
  ]);
});

test('what is confirmed stays, whatever later hypotheses say', () => {
  assert.deepEqual(told('i scream now', 'i scream now and', 'ice cream now and then', '', 'ice'), [
    ...['|i scream now', 'i scream| now and', 'i scream now| and then', 'i scream now|', undefined],
  ]);
});

test('punctuation behind the last confirmed word may still change', () => {
  assert.deepEqual(told('Hello world. It', 'Hello world. It is', 'Hello world, it is'), [
    ...['|Hello world. It', 'Hello world|. It is', 'Hello world|, it is'],
  ]);
});

test('what changes nothing is not told', () => {
  assert.deepEqual(told('', 'one', ' one '), [undefined, '|one', undefined]);
});

test('without spaces each character counts as a word', () => {
  assert.deepEqual(told('今日は', '今日はいい', '今日はいい天気'), ['|今日は', '今日|はいい', '今日はい|い天気']);
});

test('no sequence of hypotheses ever takes back what was confirmed', () => {
  let seed = 3;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
  const words = ['a', 'bb', 'a,', 'cc.', '日本', 'Ünï', '—', '…x', '1.5'];
  for (let life = 0; life < 2000; life++) {
    const partials = new Partials();
    let confirmed = '';
    const heard: string[] = [];
    for (let i = 0; i < 12; i++) {
      if (random(3) > 0) heard.push(words[random(words.length)]!);
      if (random(6) === 0) heard.splice(random(heard.length + 1), 1, words[random(words.length)]!);
      const partial = partials.next(heard.join(random(9) === 0 ? '  ' : ' '));
      if (partial === undefined) continue;
      assert.ok(partial.text.startsWith(confirmed), `'${partial.text}' after '${confirmed}'`);
      assert.ok(partial.confirmed >= confirmed.length && partial.confirmed <= partial.text.length);
      confirmed = partial.text.slice(0, partial.confirmed);
    }
  }
});
