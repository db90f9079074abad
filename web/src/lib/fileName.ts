/** `lecture.final.mp3` with `srt` is `lecture.final.srt`. */
export function withExtension(name: string, extension: string): string {
  const dot = name.lastIndexOf('.');
  const stem = dot > 0 ? name.slice(0, dot) : name;
  return `${stem === '' ? 'recording' : stem}.${extension}`;
}

/** A name for spoken text: its first words, as every file system takes them. */
export function nameFor(text: string, extension: string): string {
  const words = text
    .replace(/<[^>]*>/g, ' ')
    .replace(/[^\p{Letter}\p{Number}\s'-]/gu, ' ')
    .trim()
    .split(/\s+/)
    .slice(0, 6)
    .join(' ')
    .slice(0, 60)
    .trim();
  return `${words === '' ? 'speech' : words}.${extension}`;
}
