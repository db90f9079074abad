import type { FFEncoderCodec } from 'node-av/constants';
import type { AudioChunk, AudioFormat } from '../contract.ts';
import { codecRate } from '../formats.ts';
import { toS16le } from '../pcm.ts';
import { RateConverter } from '../rate-converter.ts';
import { type Ffmpeg, MONO } from './ffmpeg.ts';

export type CompressedFormat = Exclude<AudioFormat, 'wav' | 'pcm'>;

interface Recipe {
  /** FFmpeg's names. */
  codec: string;
  container: string;
  bitRate?: bigint;
  codecOptions?: Record<string, string>;
  containerOptions?: Record<string, string>;
}

const RECIPES: Readonly<Record<CompressedFormat, Recipe>> = {
  // No Xing frame: it would have to state a length that a stream does not know yet. Players reckon it from the
  // constant bit rate instead. At this rate there are more bits than one voice needs, and searching less for the best
  // use of them (0 is the longest search, 9 the shortest) saves two fifths of the time.
  mp3: {
    codec: 'libmp3lame',
    container: 'mp3',
    bitRate: 128_000n,
    codecOptions: { compression_level: '7' },
    containerOptions: { write_xing: '0', id3v2_version: '0' },
  },
  // Short pages, so that sound leaves early; a second is the default. Effort 5 of 10, for the same reason as above.
  opus: {
    codec: 'libopus',
    container: 'ogg',
    bitRate: 64_000n,
    codecOptions: { compression_level: '5' },
    containerOptions: { page_duration: '100000' },
  },
  // The faster of the two searches: at 128 kbit/s for one channel there is nothing to gain from the slower.
  aac: { codec: 'aac', container: 'adts', bitRate: 128_000n, codecOptions: { aac_coder: 'fast' } },
  // Without room for tags that nobody will add.
  flac: { codec: 'flac', container: 'flac', containerOptions: { metadata_header_padding: '0' } },
  // Fragments that stand for themselves; nothing at the front has to be filled in later.
  m4a: {
    codec: 'aac',
    container: 'mp4',
    bitRate: 128_000n,
    codecOptions: { aac_coder: 'fast' },
    containerOptions: { movflags: 'empty_moov+default_base_moof', frag_duration: '250000' },
  },
};

/** Small, because the binding never gives it back. */
const WRITE_BYTES = 4096;

/**
 * One stream of compressed audio in the making: PCM goes in, and what is finished of the file comes out. Its rate is
 * the asked one, or the next higher that the codec can carry. Errors are defects of ours or of FFmpeg.
 */
export class StreamEncoder {
  #av: Ffmpeg;
  #converter: RateConverter;
  #codec: InstanceType<Ffmpeg['CodecContext']>;
  #output: InstanceType<Ffmpeg['FormatContext']>;
  #io: InstanceType<Ffmpeg['IOContext']>;
  #track: InstanceType<Ffmpeg['Stream']> | undefined;
  #packet: InstanceType<Ffmpeg['Packet']>;
  /** Samples that do not fill a frame yet. */
  #held = new Float32Array(0);
  /** Samples encoded. */
  #position = 0;
  #written: Buffer[] = [];

  constructor(av: Ffmpeg, format: CompressedFormat, sampleRate: number) {
    const recipe = RECIPES[format];
    const rate = codecRate(format, sampleRate);
    this.#av = av;
    this.#converter = new RateConverter(rate);
    this.#codec = new av.CodecContext();
    this.#output = new av.FormatContext();
    this.#io = new av.IOContext();
    this.#packet = new av.Packet();
    try {
      this.#openCodec(recipe, rate);
      this.#openContainer(recipe);
    } catch (thrown) {
      this.free();
      throw thrown;
    }
  }

  /** The bytes that this audio completes; the first ones begin with the file's header. */
  write(chunk: AudioChunk): Uint8Array {
    this.#encode(this.#converter.push(chunk));
    return this.#takeWritten();
  }

  /** The bytes that complete the file. */
  end(): Uint8Array {
    this.#encode(this.#converter.flush());
    if (this.#held.length > 0) this.#encodeFrame(this.#held);
    this.#held = new Float32Array(0);
    check('send', this.#codec.sendFrameSync(null));
    this.#drain();
    check('finish', this.#output.writeTrailerSync());
    return this.#takeWritten();
  }

  free(): void {
    this.#packet.free();
    this.#codec.freeContext();
    // The container would free the I/O too.
    this.#output.pb = null;
    this.#output.freeContext();
    this.#io.freeContext();
  }

  #openCodec(recipe: Recipe, rate: number): void {
    const av = this.#av;
    const encoder = av.Codec.findEncoderByName(recipe.codec as FFEncoderCodec);
    if (encoder === null) throw new Error(`this FFmpeg has no ${recipe.codec}`);
    const floats = [av.AV_SAMPLE_FMT_FLT, av.AV_SAMPLE_FMT_FLTP].find((kind) => encoder.sampleFormats?.includes(kind));
    const codec = this.#codec;
    codec.allocContext3(encoder);
    codec.sampleRate = rate;
    codec.channelLayout = MONO;
    codec.sampleFormat = floats ?? av.AV_SAMPLE_FMT_S16;
    codec.timeBase = new av.Rational(1, rate);
    codec.threadCount = 1;
    if (recipe.bitRate !== undefined) codec.bitRate = recipe.bitRate;
    if (recipe.container === 'mp4') codec.setFlags(av.AV_CODEC_FLAG_GLOBAL_HEADER);
    // Not as a dictionary: the binding frees one that it opens a codec with twice.
    for (const [name, value] of Object.entries(recipe.codecOptions ?? {})) check(name, codec.setOption(name, value));
    check('open the codec', codec.open2Sync(encoder));
  }

  #openContainer(recipe: Recipe): void {
    const av = this.#av;
    check('open the container', this.#output.allocOutputContext2(null, recipe.container, null));
    this.#track = this.#output.newStream();
    this.#track.timeBase = this.#codec.timeBase;
    check('describe the track', this.#track.codecpar.fromContext(this.#codec));
    this.#io.allocContextWithCallbacks(WRITE_BYTES, 1, null, (bytes) => {
      this.#written.push(bytes);
      return bytes.length;
    });
    this.#output.pb = this.#io;
    const options = av.Dictionary.fromObject(recipe.containerOptions ?? {});
    const begun = this.#output.writeHeaderSync(options);
    options.free();
    check('begin', begun);
    this.#packet.alloc();
  }

  #encode(pcm: Float32Array): void {
    const all = new Float32Array(this.#held.length + pcm.length);
    all.set(this.#held);
    all.set(pcm, this.#held.length);
    const size = this.#codec.frameSize;
    let at = 0;
    for (; at + size <= all.length; at += size) this.#encodeFrame(all.subarray(at, at + size));
    this.#held = all.slice(at);
  }

  #encodeFrame(pcm: Float32Array): void {
    const { sampleFormat, sampleRate, channelLayout, timeBase } = this.#codec;
    const samples = sampleFormat === this.#av.AV_SAMPLE_FMT_S16 ? toS16le(pcm) : pcm;
    const frame = this.#av.Frame.fromAudioBuffer(Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength), {
      nbSamples: pcm.length,
      format: sampleFormat,
      sampleRate,
      channelLayout,
      pts: BigInt(this.#position),
      timeBase,
    });
    this.#position += pcm.length;
    const sent = this.#codec.sendFrameSync(frame);
    frame.free();
    check('encode', sent);
    this.#drain();
  }

  #drain(): void {
    while (this.#codec.receivePacketSync(this.#packet) >= 0) {
      this.#packet.streamIndex = 0;
      this.#packet.rescaleTs(this.#codec.timeBase, this.#track!.timeBase);
      const wrote = this.#output.writeFrameSync(this.#packet);
      this.#packet.unref();
      check('write', wrote);
    }
  }

  #takeWritten(): Uint8Array {
    this.#io.flushSync();
    const bytes = Buffer.concat(this.#written);
    this.#written = [];
    return bytes;
  }
}

function check(what: string, result: number): void {
  if (result < 0) throw new Error(`FFmpeg could not ${what}: error ${result}`);
}
