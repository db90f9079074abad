/** How the page plays and saves each format of `POST /v1/audio/speech`. */
const TYPES: Record<string, string> = {
  mp3: 'audio/mpeg',
  opus: 'audio/ogg',
  aac: 'audio/aac',
  flac: 'audio/flac',
  wav: 'audio/wav',
  m4a: 'audio/mp4',
};

/** `pcm` is headerless 24 kHz signed 16-bit little-endian mono, whatever the voice. */
const PCM_RATE = 24_000;

/** The bytes as they came, for saving. */
export function savedAudio(format: string, pieces: readonly Uint8Array<ArrayBuffer>[]): Blob {
  return new Blob([...pieces], { type: TYPES[format] ?? 'application/octet-stream' });
}

/** The same as something an audio element takes: headerless PCM gets a WAV header. */
export function playableAudio(format: string, pieces: readonly Uint8Array<ArrayBuffer>[]): Blob {
  if (format !== 'pcm') return savedAudio(format, pieces);
  const bytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
  return new Blob([wavHeader(bytes, PCM_RATE), ...pieces], { type: 'audio/wav' });
}

/** The 44 bytes before `dataBytes` of mono 16-bit PCM in a RIFF/WAVE file. */
export function wavHeader(dataBytes: number, sampleRate: number): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(44));
  const word = (at: number, text: string): void => {
    for (let i = 0; i < text.length; i++) view.setUint8(at + i, text.charCodeAt(i));
  };
  word(0, 'RIFF');
  view.setUint32(4, 36 + dataBytes, true);
  word(8, 'WAVEfmt ');
  view.setUint32(16, 16, true); // size of the format chunk
  view.setUint16(20, 1, true); // PCM
  view.setUint16(22, 1, true); // channels
  view.setUint32(24, sampleRate, true);
  view.setUint32(28, sampleRate * 2, true); // bytes per second
  view.setUint16(32, 2, true); // bytes per frame
  view.setUint16(34, 16, true); // bits per sample
  word(36, 'data');
  view.setUint32(40, dataBytes, true);
  return new Uint8Array(view.buffer);
}
