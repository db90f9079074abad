/** An element of SSML that is known here. */
export interface Element {
  attributes: readonly string[];
  /** What may stand inside. */
  content: 'anything' | 'text' | 'nothing';
}

export const ELEMENTS: Record<string, Element> = {
  speak: { attributes: ['version', 'xml:lang', 'xmlns', 'xsi:schemaLocation'], content: 'anything' },
  p: { attributes: [], content: 'anything' },
  s: { attributes: [], content: 'anything' },
  break: { attributes: ['time', 'strength'], content: 'nothing' },
  emphasis: { attributes: ['level'], content: 'anything' },
  prosody: { attributes: ['rate', 'pitch', 'volume'], content: 'anything' },
  'say-as': { attributes: ['interpret-as', 'format'], content: 'text' },
  sub: { attributes: ['alias'], content: 'text' },
  phoneme: { attributes: ['alphabet', 'ph'], content: 'text' },
  mark: { attributes: ['name'], content: 'nothing' },
};
/** Of SSML, as `xmlns` names it. */
export const NAMESPACE = 'http://www.w3.org/2001/10/synthesis';
