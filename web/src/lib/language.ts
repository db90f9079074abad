const names = new Intl.DisplayNames(['en'], { type: 'language', fallback: 'none' });

/** The English name of a BCP 47 tag: `en-GB` is `British English`. A tag nobody has a name for stays as it is. */
export function languageName(tag: string): string {
  // ISO 639-2 for what knows no difference between languages.
  if (tag === 'mul') return 'Any language';
  // Private subtags (`en-GB-x-rp`) have no name of their own.
  const [known = tag, accent] = tag.split(/-x-/i);
  const name = lookUp(known) ?? lookUp(primaryLanguage(tag));
  if (name === undefined) return tag;
  return accent === undefined ? name : `${name} (${accent})`;
}

/** `pt-BR` is `pt`. */
export function primaryLanguage(tag: string): string {
  return (tag.split('-')[0] ?? tag).toLowerCase();
}

function lookUp(tag: string): string | undefined {
  try {
    return names.of(tag);
  } catch {
    return undefined;
  }
}
