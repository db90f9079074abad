/** Multipart forms written byte by byte, so that a test can break them anywhere. */
export interface Part {
  /** The whole head of the part without its empty line. */
  head: string;
  content: string | Uint8Array;
}

export const BOUNDARY = 'xxBOUNDARYxx';
export const FORM_TYPE = `multipart/form-data; boundary=${BOUNDARY}`;

export function field(name: string, content: string | Uint8Array): Part {
  return { head: `Content-Disposition: form-data; name="${name}"`, content };
}

export function file(content: string | Uint8Array, name = 'file', filename = 'speech.wav'): Part {
  return { head: `Content-Disposition: form-data; name="${name}"; filename="${filename}"`, content };
}

/** A whole and correct form of these parts. */
export function form(...parts: Part[]): Buffer {
  return Buffer.concat([
    ...parts.flatMap(({ head, content }) => [
      Buffer.from(`--${BOUNDARY}\r\n${head}\r\n\r\n`),
      Buffer.from(content as Uint8Array),
      Buffer.from('\r\n'),
    ]),
    Buffer.from(`--${BOUNDARY}--\r\n`),
  ]);
}
