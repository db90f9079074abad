import { readFile, writeFile } from 'node:fs/promises';
import type { FFEncoderCodec } from 'node-av/constants';
import type { ChannelLayout } from 'node-av/lib';
import { loadFfmpeg } from './ffmpeg.ts';

interface Recording {
  /** FFmpeg's names; neither a sound nor a picture makes an empty container. */
  container: string;
  codec?: string;
  sampleRate?: number;
  channels?: number;
  /** Sample of a channel at a time in seconds. */
  sound?: (seconds: number, channel: number) => number;
  seconds: number;
  /** With a second of moving picture. */
  picture?: boolean;
}

/** For tests: writes a recording as other programs would, in formats that we only read. Returns its bytes. */
export async function makeRecording(path: string, recording: Recording): Promise<Buffer> {
  const av = await loadFfmpeg();
  const { container, codec, sampleRate = 48_000, channels = 1, sound = () => 0, seconds } = recording;
  const output = new av.FormatContext();
  output.allocOutputContext2(null, container, path);
  const packet = new av.Packet();
  packet.alloc();

  const open = (name: string, prepare: (context: InstanceType<typeof av.CodecContext>) => void) => {
    const encoder = av.Codec.findEncoderByName(name as FFEncoderCodec)!;
    const context = new av.CodecContext();
    context.allocContext3(encoder);
    prepare(context);
    if (output.oformat?.hasFlags(av.AVFMT_GLOBALHEADER)) context.setFlags(av.AV_CODEC_FLAG_GLOBAL_HEADER);
    context.setOption('strict', 'experimental');
    succeed(context.open2Sync(encoder));
    const track = output.newStream(null);
    track.timeBase = context.timeBase;
    track.codecpar.fromContext(context);
    return { context, track };
  };
  const audio =
    codec === undefined
      ? undefined
      : open(codec, (context) => {
          context.sampleRate = sampleRate;
          context.channelLayout = { order: 1, nbChannels: channels, mask: channels === 1 ? 4n : 3n } as ChannelLayout;
          const offered = av.Codec.findEncoderByName(codec as FFEncoderCodec)!.sampleFormats!;
          const readable = [av.AV_SAMPLE_FMT_S16, av.AV_SAMPLE_FMT_S16P, av.AV_SAMPLE_FMT_FLTP];
          context.sampleFormat = readable.find((format) => offered.includes(format))!;
          context.timeBase = new av.Rational(1, sampleRate);
        });
  const video = !recording.picture
    ? undefined
    : open(container === 'webm' ? 'libvpx' : 'mpeg4', (context) => {
        context.width = 64;
        context.height = 64;
        context.pixelFormat = av.AV_PIX_FMT_YUV420P;
        context.timeBase = new av.Rational(1, 25);
      });
  succeed(output.openOutputSync());
  succeed(output.writeHeaderSync());

  type Track = NonNullable<typeof audio>;
  const encode = ({ context, track }: Track, frame: InstanceType<typeof av.Frame> | null): void => {
    succeed(context.sendFrameSync(frame));
    frame?.free();
    while (context.receivePacketSync(packet) >= 0) {
      packet.streamIndex = track.index;
      packet.rescaleTs(context.timeBase, track.timeBase);
      succeed(output.interleavedWriteFrameSync(packet));
    }
  };
  if (audio !== undefined) {
    const { context } = audio;
    const size = context.frameSize || 1024;
    const total = Math.round(seconds * sampleRate);
    for (let at = 0; at < total; at += size) {
      const count = Math.min(size, total - at);
      const planar = context.sampleFormat !== av.AV_SAMPLE_FMT_S16;
      const Samples = context.sampleFormat === av.AV_SAMPLE_FMT_FLTP ? Float32Array : Int16Array;
      const samples = new Samples(count * channels);
      for (let i = 0; i < count; i++) {
        for (let channel = 0; channel < channels; channel++) {
          const value = sound((at + i) / sampleRate, channel) * (Samples === Float32Array ? 1 : 32_767);
          samples[planar ? channel * count + i : i * channels + channel] = value;
        }
      }
      encode(
        audio,
        av.Frame.fromAudioBuffer(Buffer.from(samples.buffer), {
          nbSamples: count,
          format: context.sampleFormat,
          sampleRate,
          channelLayout: context.channelLayout,
          pts: BigInt(at),
          timeBase: context.timeBase,
        }),
      );
    }
    encode(audio, null);
  }
  if (video !== undefined) {
    for (let i = 0; i < 25; i++) {
      encode(
        video,
        av.Frame.fromVideoBuffer(Buffer.alloc((64 * 64 * 3) / 2, i * 10), {
          width: 64,
          height: 64,
          format: av.AV_PIX_FMT_YUV420P,
          pts: BigInt(i),
          timeBase: { num: 1, den: 25 },
        }),
      );
    }
    encode(video, null);
  }
  succeed(output.writeTrailerSync());
  output.closeOutputSync();
  output.freeContext();
  return await readFile(path);
}

/**
 * Ogg Opus that decodes to hours of silence out of very few bytes: every packet is one byte that stands for 60 ms.
 * `statedMs` is the length that its pages claim.
 */
export async function writeSilentOpus(path: string, ms: number, statedMs = ms): Promise<number> {
  const PACKET_MS = 60;
  const PACKETS_PER_PAGE = 255;
  const head = Buffer.alloc(19);
  head.write('OpusHead\x01\x01', 'latin1');
  head.writeUInt32LE(48_000, 12);
  const tags = Buffer.from('OpusTags\0\0\0\0\0\0\0\0', 'latin1');
  const packets = Math.ceil(ms / PACKET_MS);
  const pages = [oggPage(0, 2, 0, [head]), oggPage(1, 0, 0, [tags])];
  for (let at = 0; at < packets; at += PACKETS_PER_PAGE) {
    const count = Math.min(PACKETS_PER_PAGE, packets - at);
    const last = at + count === packets;
    const position = Math.round((((at + count) / packets) * statedMs * 48_000) / 1000);
    // RFC 6716 §3.1: SILK, narrow band, 60 ms, one frame, which is empty: nothing was sent.
    const silence = Array.from({ length: count }, () => Buffer.of(3 << 3));
    pages.push(oggPage(pages.length, last ? 4 : 0, position, silence));
  }
  const bytes = Buffer.concat(pages);
  await writeFile(path, bytes);
  return bytes.length;
}

function oggPage(sequence: number, flags: number, granule: number, packets: Buffer[]): Buffer {
  const page = Buffer.alloc(27 + packets.length);
  page.write('OggS', 'latin1');
  page[5] = flags;
  page.writeBigInt64LE(BigInt(granule), 6);
  page.writeUInt32LE(7, 14);
  page.writeUInt32LE(sequence, 18);
  page[26] = packets.length;
  packets.forEach((packet, i) => {
    page[27 + i] = packet.length;
  });
  const whole = Buffer.concat([page, ...packets]);
  whole.writeUInt32LE(oggChecksum(whole), 22);
  return whole;
}

/** RFC 3533 §6: CRC with polynomial 0x04c11db7, unreflected, starting from zero. */
function oggChecksum(bytes: Buffer): number {
  let sum = 0;
  for (const byte of bytes) {
    sum ^= byte << 24;
    for (let bit = 0; bit < 8; bit++) sum = sum & 0x8000_0000 ? (sum << 1) ^ 0x04c1_1db7 : sum << 1;
  }
  return sum >>> 0;
}

function succeed(result: number): void {
  if (result < 0) throw new Error(`FFmpeg error ${result}`);
}
