import { Framer } from './framer.ts';

const FRAME_MS = 20;

/** Posts what the microphone hears in frames of 20 ms: Float32Array, mono, at the context's rate. */
class CaptureProcessor extends AudioWorkletProcessor {
  readonly #framer = new Framer(Math.round((sampleRate * FRAME_MS) / 1000), (frame) =>
    this.port.postMessage(frame, [frame.buffer]),
  );

  override process(inputs: Float32Array[][]): boolean {
    const channel = inputs[0]?.[0];
    if (channel !== undefined) this.#framer.push(channel);
    return true;
  }
}

registerProcessor('capture', CaptureProcessor);
