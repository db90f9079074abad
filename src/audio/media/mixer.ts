import type { ChannelLayout } from 'node-av/lib';
import { SpeechError } from '../../errors.ts';
import { MAX_SAMPLE_RATE, MIN_SAMPLE_RATE } from '../resample.ts';
import { type Ffmpeg, MONO } from './ffmpeg.ts';

const RATE = 16_000;
/** More than FFmpeg's resampler can mix down without being told how. */
const MAX_CHANNELS = 8;
/** No codec here makes frames of a minute: one that says so is out to fill the memory. */
const MAX_FRAME_SAMPLES = 60 * RATE;

/**
 * Brings frames of any rate, layout and sample format to 16 000 Hz floats, also when those change midway: mixed to one
 * channel, or, with `apart`, in the channels of the first frame, interleaved.
 */
export class Mixer {
  #av: Ffmpeg;
  #resampler: InstanceType<Ffmpeg['SoftwareResampleContext']> | undefined;
  #shape = '';
  #layout: ChannelLayout | undefined;
  #out = Buffer.alloc(0);

  constructor(av: Ffmpeg, apart = false) {
    this.#av = av;
    this.#layout = apart ? undefined : MONO;
  }

  /** Of what comes out. */
  get channels(): number {
    return this.#layout?.nbChannels ?? 1;
  }

  /** Overwritten by the next. */
  mix(frame: InstanceType<Ffmpeg['Frame']>): Float32Array {
    const { sampleRate, channels, nbSamples } = frame;
    const shape = `${sampleRate} ${channels} ${frame.format} ${frame.channelLayout.mask}`;
    if (shape !== this.#shape) this.#open(frame);
    this.#shape = shape;
    return this.#convert(frame.extendedData, nbSamples);
  }

  /** What the filter still holds. */
  flush(): Float32Array {
    return this.#resampler === undefined ? new Float32Array(0) : this.#convert(null, 0);
  }

  free(): void {
    this.#resampler?.free();
    this.#resampler = undefined;
  }

  #open(frame: InstanceType<Ffmpeg['Frame']>): void {
    const { sampleRate, channels } = frame;
    if (sampleRate < MIN_SAMPLE_RATE || sampleRate > MAX_SAMPLE_RATE || channels < 1 || channels > MAX_CHANNELS) {
      throw unsupported(`Recordings with ${channels} channels at ${sampleRate} Hz are not supported.`);
    }
    this.free();
    const resampler = new this.#av.SoftwareResampleContext();
    this.#resampler = resampler;
    const layout = frame.channelLayout;
    this.#layout ??= layout;
    const { AV_SAMPLE_FMT_FLT } = this.#av;
    const format = frame.format as typeof AV_SAMPLE_FMT_FLT;
    const opened = resampler.allocSetOpts2(this.#layout, AV_SAMPLE_FMT_FLT, RATE, layout, format, sampleRate);
    // Mixing keeps the sum of channels within full scale.
    resampler.setOption('rematrix_maxval', '1');
    if (opened < 0 || resampler.init() < 0) throw unsupported('The channel layout of the recording is not supported.');
  }

  #convert(data: Buffer[] | null, count: number): Float32Array {
    const resampler = this.#resampler!;
    const room = resampler.getOutSamples(count);
    if (room > MAX_FRAME_SAMPLES) throw broken();
    const frameBytes = 4 * this.channels;
    if (this.#out.length < room * frameBytes) this.#out = Buffer.alloc(room * frameBytes);
    const made = resampler.convertSync([this.#out], room, data, count);
    if (made < 0) throw broken();
    return new Float32Array(this.#out.buffer, this.#out.byteOffset, made * this.channels);
  }
}

export function broken(): SpeechError {
  return new SpeechError('invalid_audio', 'The recording is damaged: it could not be decoded.');
}

export function unsupported(message: string): SpeechError {
  return new SpeechError('unsupported_audio', message);
}
