import { setImmediate } from 'node:timers/promises';
import type { Container } from '../contract.ts';
import { type Ffmpeg, MONO, STEREO } from './ffmpeg.ts';
import { DECODERS, inputOptions } from './ffmpeg-decode.ts';
import { type FlacFrame, FlacFrames } from './flac-frames.ts';
import { broken, unsupported } from './mixer.ts';

/** What FFmpeg asks for at once. */
const READ_BYTES = 4096;
/** RFC 6716 §3.1: the bit of a packet's first byte that says stereo. */
const OPUS_STEREO = 4;
const OPUS_RATE = 48_000;

export interface LiveSource {
  /**
   * At most `size` bytes, as soon as there is one, and never of two messages; null at the end. A mark says that all bytes
   * before it should be decoded now; reading on says that they are, as far as they can be.
   */
  read(size: number): Promise<Buffer | 'mark' | null>;
}

type Packet = InstanceType<Ffmpeg['Packet']>;

/** The packets of one sound track, with the codec that decodes them. */
export interface LivePackets {
  decoder: InstanceType<Ffmpeg['CodecContext']>;
  /** Of the packets' times. */
  timeBase: { num: number; den: number };
  /** Fills the packet, or says why not. */
  next(packet: Packet): Promise<'packet' | 'damaged' | 'end'>;
}

/**
 * Those of a container. FFmpeg gets its bytes through a callback on a thread of its own, which waits where `source`
 * does; it opens no file and no protocol, and no container and codec but those of recordings.
 */
export async function containerPackets(av: Ffmpeg, container: Container, source: LiveSource): Promise<LivePackets> {
  const io = new av.IOContext();
  io.allocContextWithCallbacks(READ_BYTES, 0, (size) => readBytes(source, size));
  const input = new av.FormatContext();
  input.allocContext();
  input.pb = io;
  const options = inputOptions(av, container);
  const opened = await input.openInput('', av.InputFormat.findInputFormat(container), options);
  options.free();
  if (opened < 0) throw broken();
  const { decoder, index, timeBase } = openTrack(av, input);
  return {
    decoder,
    timeBase,
    async next(packet) {
      for (;;) {
        const read = await input.readFrame(packet);
        if (read === av.AVERROR_EOF) return 'end';
        if (read < 0) {
          // An error that comes back at once must not keep the process from its messages.
          await setImmediate();
          return 'damaged';
        }
        if (packet.streamIndex === index) return 'packet';
        packet.unref();
      }
    },
  };
}

/** Those of Opus in no container: each message is one. The first says how many channels there are. */
export async function opusPackets(av: Ffmpeg, source: LiveSource): Promise<LivePackets> {
  let first = await readBytes(source);
  const codec = av.Codec.findDecoder(av.AV_CODEC_ID_OPUS)!;
  const decoder = new av.CodecContext();
  decoder.allocContext3(codec);
  const stereo = first !== null && (first[0]! & OPUS_STEREO) !== 0;
  decoder.sampleRate = OPUS_RATE;
  decoder.channelLayout = stereo ? STEREO : MONO;
  decoder.threadCount = 1;
  if (decoder.open2Sync(codec) < 0) throw broken();
  return {
    decoder,
    timeBase: { num: 1, den: OPUS_RATE },
    async next(packet) {
      const bytes = first ?? (await readBytes(source));
      first = null;
      if (bytes === null) return 'end';
      packet.data = bytes;
      return 'packet';
    },
  };
}

/** Those of FLAC in no container, each as soon as the next one begins, or the sender says that it is whole. */
export async function flacPackets(av: Ffmpeg, source: LiveSource): Promise<LivePackets> {
  const frames = new FlacFrames();
  let frame: FlacFrame | undefined;
  let ended = false;
  /** Until there is a frame, or no more bytes. */
  const advance = async (): Promise<void> => {
    for (frame = frames.next(); frame === undefined && !ended; frame ??= frames.next()) {
      const bytes = await source.read(READ_BYTES);
      if (bytes === null) ended = true;
      if (bytes === null || bytes === 'mark') frame = frames.last();
      else frames.push(bytes);
    }
  };
  await advance();
  if (frames.info === undefined) throw broken();
  const codec = av.Codec.findDecoder(av.AV_CODEC_ID_FLAC)!;
  const decoder = new av.CodecContext();
  decoder.allocContext3(codec);
  decoder.extraData = frames.info.bytes;
  decoder.threadCount = 1;
  if (decoder.open2Sync(codec) < 0) throw broken();
  let first = true;
  return {
    decoder,
    timeBase: { num: 1, den: frames.info.sampleRate },
    async next(packet) {
      if (!first) await advance();
      first = false;
      if (frame === undefined) return 'end';
      packet.data = Buffer.from(frame.bytes);
      packet.pts = BigInt(frame.sample);
      return 'packet';
    },
  };
}

async function readBytes(source: LiveSource, size = Number.POSITIVE_INFINITY): Promise<Buffer | null> {
  for (;;) {
    const bytes = await source.read(size);
    if (bytes !== 'mark') return bytes;
  }
}

/** The first sound track that we decode; all others are passed over. */
function openTrack(av: Ffmpeg, input: InstanceType<Ffmpeg['FormatContext']>) {
  const tracks = input.streams.filter(({ codecpar }) => codecpar.codecType === av.AVMEDIA_TYPE_AUDIO);
  if (tracks.length === 0) throw unsupported('The stream has no sound track.');
  for (const track of tracks) {
    const codec = av.Codec.findDecoder(track.codecpar.codecId);
    if (codec === null || !DECODERS.has(codec.name ?? '')) continue;
    for (const other of input.streams) if (other.index !== track.index) other.discard = av.AVDISCARD_ALL;
    const decoder = new av.CodecContext();
    decoder.allocContext3(codec);
    if (decoder.parametersToContext(track.codecpar) < 0) throw broken();
    decoder.pktTimebase = track.timeBase;
    decoder.threadCount = 1;
    if (decoder.open2Sync(codec) < 0) throw broken();
    return { decoder, index: track.index, timeBase: track.timeBase };
  }
  throw unsupported('The sound track is in a codec that this server does not decode.');
}
