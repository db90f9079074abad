/**
 * Each word as the text writes it: with the marks around it, and in its case. Words come back as they are where the text
 * does not hold all of them in their order.
 */
export function markedWords(words: readonly string[], text: string): string[] {
  const plain = text.toLowerCase();
  const found: { start: number; end: number }[] = [];
  let at = 0;
  for (const word of words) {
    const start = plain.indexOf(word.toLowerCase(), at);
    // Lower case may be longer than upper case: then positions in one are not those in the other.
    if (start < 0 || word === '' || plain.length !== text.length) return [...words];
    at = start + word.length;
    found.push({ start, end: at });
  }
  let before = text.slice(0, found[0]?.start).trim();
  return found.map(({ start, end }, index) => {
    const between = text.slice(end, found[index + 1]?.start);
    const space = /\s|$/.exec(between)!.index;
    // What stands behind the space begins the next word, as an opening quote does; there is none behind the last.
    const after = index === found.length - 1 ? between.trim() : between.slice(0, space);
    const marked = before + text.slice(start, end) + after;
    before = between.slice(space).trim();
    return marked;
  });
}
