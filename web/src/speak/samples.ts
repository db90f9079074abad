import { primaryLanguage } from '../lib/language.ts';

const SAMPLES: Record<string, string> = {
  en: 'Good morning. The kettle is on, the window is open, and the whole day is still ahead of us.',
  de: 'Guten Morgen. Der Kessel steht auf dem Herd, das Fenster ist offen, und der ganze Tag liegt vor uns.',
  fr: 'Bonjour. L’eau chauffe, la fenêtre est ouverte, et toute la journée est encore devant nous.',
  es: 'Buenos días. El agua se calienta, la ventana está abierta y tenemos todo el día por delante.',
  it: 'Buongiorno. L’acqua è sul fuoco, la finestra è aperta e abbiamo tutto il giorno davanti a noi.',
  pt: 'Bom dia. A água está a aquecer, a janela está aberta e temos o dia inteiro pela frente.',
};

/** A few words to try a voice with, in its language where we have them. */
export function sampleFor(language: string, ssml: boolean): string {
  const text = SAMPLES[primaryLanguage(language)] ?? SAMPLES.en ?? '';
  if (!ssml) return text;
  const [first = '', ...rest] = text.split(/(?<=\.) /);
  return `<speak>\n  <s>${first}</s>\n  <break time="600ms"/>\n  <prosody rate="slow">${rest.join(' ')}</prosody>\n</speak>`;
}
