import { microphoneProblem } from '../transcribe/recorder.ts';
import workletUrl from './capture.worklet.ts?worker&url';

/** What stands in the way of hearing, in a sentence for people. */
export class MicrophoneError extends Error {}

export interface MicrophoneOptions {
  /** Device id; null is the browser's choice. */
  device: string | null;
  /** Takes out of the sound what the loudspeaker plays. */
  cancelEcho: boolean;
}

export interface MicrophoneHandlers {
  /** 20 ms of sound, mono, at the microphone's rate. */
  onFrame(frame: Float32Array<ArrayBuffer>): void;
  /** The device was unplugged, or the browser took it back. */
  onLost(): void;
}

/** An open microphone. `context` may play as well as hear. */
export interface Microphone {
  readonly context: AudioContext;
  readonly sampleRate: number;
  /** Gives the device back. */
  close(): void;
}

/** Throws MicrophoneError. An aborted signal gives the device back as soon as it is there. */
export async function openMicrophone(
  { device, cancelEcho }: MicrophoneOptions,
  handlers: MicrophoneHandlers,
  signal: AbortSignal,
): Promise<Microphone> {
  if (navigator.mediaDevices === undefined) {
    throw new MicrophoneError('Browsers give a microphone only to https:// pages and to localhost.');
  }
  // Prepared while the device opens, so that the first word is not missed.
  const context = new AudioContext({ latencyHint: 'interactive' });
  const prepared = context.audioWorklet.addModule(workletUrl);
  prepared.catch(() => {});
  let stream: MediaStream;
  try {
    stream = await openDevice(device, cancelEcho);
  } catch (thrown) {
    void context.close();
    throw thrown;
  }
  const close = (): void => {
    for (const track of stream.getTracks()) track.stop();
    if (context.state !== 'closed') void context.close();
  };
  try {
    await prepared;
    await context.resume();
    signal.throwIfAborted();
  } catch (thrown) {
    close();
    if (signal.aborted) throw thrown;
    throw new MicrophoneError('This browser cannot read the microphone as this page needs it. Update it.');
  }
  const node = new AudioWorkletNode(context, 'capture', {
    numberOfOutputs: 0,
    channelCount: 1,
    channelCountMode: 'explicit',
  });
  node.port.onmessage = ({ data }: MessageEvent<Float32Array<ArrayBuffer>>) => handlers.onFrame(data);
  context.createMediaStreamSource(stream).connect(node);
  for (const track of stream.getAudioTracks()) track.addEventListener('ended', handlers.onLost);
  return {
    context,
    sampleRate: context.sampleRate,
    close() {
      node.port.onmessage = null;
      close();
    },
  };
}

async function openDevice(device: string | null, cancelEcho: boolean): Promise<MediaStream> {
  try {
    return await navigator.mediaDevices.getUserMedia({
      audio: {
        ...(device !== null && { deviceId: { exact: device } }),
        echoCancellation: cancelEcho,
        // Recognisers are trained on noise; what suppresses it takes words with it.
        noiseSuppression: false,
        autoGainControl: true,
      },
    });
  } catch (thrown) {
    const missing = device !== null && thrown instanceof DOMException && thrown.name === 'OverconstrainedError';
    throw new MicrophoneError(
      missing ? 'That microphone is not connected any more. Choose another one.' : microphoneProblem(thrown),
    );
  }
}

export interface MicrophoneChoice {
  id: string;
  name: string;
}

/** The microphones that there are. Browsers name them only to pages that were allowed to use one. */
export async function microphones(): Promise<MicrophoneChoice[]> {
  const devices = (await navigator.mediaDevices?.enumerateDevices().catch(() => [])) ?? [];
  return devices
    .filter(({ kind, deviceId, label }) => kind === 'audioinput' && deviceId !== '' && label !== '')
    .map(({ deviceId, label }) => ({ id: deviceId, name: label }));
}
