/** A random generator that can be repeated: xorshift of 32 bits. */
export function randomOf(seed: number): (below: number) => number {
  let state = seed | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** How many mutations a fuzz test tries: `OS_FUZZ=1000000` for a long run. */
export const FUZZ_RUNS = Number(process.env.OS_FUZZ ?? 20_000);

const NASTY = [
  ...['null', '[]', '{}', '""', '-1', '1e999', '0.1', 'true', '"\\u0000"', '"\\ud800"', '{"__proto__":{"a":1}}'],
  ...['9007199254740993', '"constructor"', '['.repeat(200), '"a"'.repeat(50), '\u0000', '\ufeff', '💥'],
];

/** JSON text that is broken in one to four places: bytes changed, cut, doubled, or values put where they do not belong. */
export function mutateText(text: string, random: (below: number) => number): string {
  let mutated = text;
  for (let times = 1 + random(4); times > 0; times--) {
    const at = random(mutated.length + 1);
    const until = at + random(12);
    switch (random(5)) {
      case 0:
        mutated = mutated.slice(0, at) + mutated.slice(until);
        break;
      case 1:
        mutated = mutated.slice(0, at) + NASTY[random(NASTY.length)] + mutated.slice(until);
        break;
      case 2:
        mutated = mutated.slice(0, at) + String.fromCharCode(random(256)) + mutated.slice(at + 1);
        break;
      case 3:
        mutated = mutated.slice(0, at) + mutated.slice(at, until).repeat(2) + mutated.slice(until);
        break;
      case 4:
        mutated = replaceValue(mutated, random);
    }
  }
  return mutated;
}

/** One value of the JSON replaced by another kind of value, so that the text stays readable. */
function replaceValue(text: string, random: (below: number) => number): string {
  const values = [...text.matchAll(/(?<=[:[,])\s*("(?:[^"\\]|\\.)*"|-?\d[\d.e+-]*|true|false|null)(?!\s*:)/g)];
  if (values.length === 0) return text;
  const { 0: old, index } = values[random(values.length)]!;
  return text.slice(0, index) + NASTY[random(NASTY.length)] + text.slice(index + old.length);
}

/** Bytes that are broken in one to four places. */
export function mutateBytes(bytes: Uint8Array, random: (below: number) => number): Uint8Array {
  let mutated = Buffer.from(bytes);
  for (let times = 1 + random(4); times > 0; times--) {
    const at = random(mutated.length + 1);
    const until = Math.min(mutated.length, at + random(12));
    switch (random(3)) {
      case 0:
        mutated = Buffer.concat([mutated.subarray(0, at), mutated.subarray(until)]);
        break;
      case 1:
        mutated = Buffer.concat([mutated.subarray(0, at), Buffer.from([random(256)]), mutated.subarray(at + 1)]);
        break;
      case 2:
        mutated = Buffer.concat([mutated.subarray(0, until), mutated.subarray(at)]);
    }
  }
  return mutated;
}
