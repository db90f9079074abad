/** What exists in the scope of an audio worklet only (Web Audio API §1.32); TypeScript's own `dom` does not tell. */
declare abstract class AudioWorkletProcessor {
  readonly port: MessagePort;
  abstract process(inputs: Float32Array[][], outputs: Float32Array[][]): boolean;
}
declare function registerProcessor(name: string, processor: new () => AudioWorkletProcessor): void;
/** Of the context that the worklet belongs to: its rate in Hz, and its clock in seconds at the block being made. */
declare const sampleRate: number;
declare const currentTime: number;
