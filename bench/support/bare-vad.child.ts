/** The baseline of live voice detection: the native detector alone, many streams in turns. Answers one message with one. */
import { loadNative } from '../../src/engines/sherpa/native.ts';

const WINDOW = 512;

process.on(
  'message',
  ({ model, streams, pcm, forMs }: { model: string; streams: number; pcm: Float32Array; forMs: number }) => {
    const native = loadNative();
    const sileroVad = {
      model,
      threshold: 0.5,
      minSilenceDuration: 0,
      minSpeechDuration: 0,
      windowSize: WINDOW,
      maxSpeechDuration: 86_400,
    };
    const config = { sileroVad, sampleRate: 16_000, numThreads: 1, provider: 'cpu', debug: false };
    const detectors = Array.from({ length: streams }, () => new native.Vad(config, 22));
    const began = process.cpuUsage();
    const until = performance.now() + forMs;
    let windows = 0;
    for (let at = 0; performance.now() < until; at = (at + WINDOW) % (pcm.length - WINDOW)) {
      for (const detector of detectors) {
        detector.acceptWaveform(pcm.subarray(at, at + WINDOW));
        detector.isDetected();
        while (!detector.isEmpty()) detector.pop();
      }
      windows += streams;
    }
    const { user, system } = process.cpuUsage(began);
    process.send!({ audioMs: (windows * WINDOW) / 16, cpuMs: (user + system) / 1000 });
    process.disconnect();
  },
);
