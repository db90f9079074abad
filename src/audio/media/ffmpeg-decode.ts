import { SpeechError } from '../../errors.ts';
import type { Container } from '../sniff.ts';
import type { Ffmpeg } from './ffmpeg.ts';
import { broken, Mixer, unsupported } from './mixer.ts';
import type { RecordingFile } from './recording-file.ts';

const RATE = 16_000;
const READ_BYTES = 65_536;
const MAX_STREAMS = 32;
/** Encoders round, and add and strip padding: a file this much shorter than it states is still whole. */
const SHORTAGE_MS = 250;
const SHORTAGE_PART = 0.02;

/** FFmpeg's decoders that may run. Nothing for pictures, subtitles or playlists is among them. */
export const DECODERS: ReadonlySet<string> = new Set(
  (
    'mp3float mp3 aac alac flac opus vorbis pcm_u8 pcm_s8 pcm_s16le pcm_s16be pcm_s24le pcm_s24be pcm_s32le ' +
    'pcm_s32be pcm_f32le pcm_f32be pcm_f64le pcm_f64be pcm_alaw pcm_mulaw'
  ).split(' '),
);

/**
 * Decodes the best sound track of a file to 16 000 Hz mono. Each yielded array is overwritten by the next. FFmpeg gets
 * the file's bytes through callbacks only: it can open no other file, no protocol, no demuxer and no decoder beyond
 * the one container and the codecs above.
 *
 * SpeechError `invalid_audio` for a broken file or one that ends early, `unsupported_audio` for one without a sound
 * track we decode, `audio_too_long` at once when the file itself states a length beyond `maxAudioMs`.
 */
export function* decodeWithFfmpeg(
  av: Ffmpeg,
  file: RecordingFile,
  container: Exclude<Container, 'wav'>,
  maxAudioMs: number,
): Generator<Float32Array> {
  const io = new av.IOContext();
  const input = new av.FormatContext();
  const decoder = new av.CodecContext();
  const packet = new av.Packet();
  const frame = new av.Frame();
  const mixer = new Mixer(av);
  try {
    let position = 0;
    io.allocContextWithCallbacks(
      READ_BYTES,
      0,
      (size) => {
        const bytes = file.readAt(position, size);
        position += bytes.length;
        return bytes.length === 0 ? null : bytes;
      },
      null,
      (offset, whence) => {
        if (whence === av.AVSEEK_SIZE) return BigInt(file.size);
        const from = { [av.AVSEEK_SET]: 0, [av.AVSEEK_CUR]: position, [av.AVSEEK_END]: file.size }[whence & 3] ?? 0;
        position = Math.max(0, Math.min(file.size, from + Number(offset)));
        return BigInt(position);
      },
    );
    input.allocContext();
    input.pb = io;
    const format = av.InputFormat.findInputFormat(container);
    const options = inputOptions(av, container);
    const opened = input.openInputSync('', format, options);
    options.free();
    if (opened < 0) throw broken();

    // What the file states about itself; later FFmpeg adds guesses of its own.
    const stated = new Map<number, number>();
    for (const stream of input.streams) {
      if (stream.codecpar.codecType === av.AVMEDIA_TYPE_AUDIO) stated.set(stream.index, statedMs(av, stream));
      else stream.discard = av.AVDISCARD_ALL;
    }
    if (stated.size === 0) throw unsupported('The file has no sound track.');
    if (input.findStreamInfoSync() < 0) throw broken();

    const index = input.findBestStream(av.AVMEDIA_TYPE_AUDIO);
    const track = input.streams.find((stream) => stream.index === index);
    const codec = track === undefined ? null : av.Codec.findDecoder(track.codecpar.codecId);
    if (track === undefined || codec === null || !DECODERS.has(codec.name ?? '')) {
      throw unsupported('The sound track is in a codec that this server does not decode.');
    }
    for (const stream of input.streams) if (stream.index !== index) stream.discard = av.AVDISCARD_ALL;
    const lengthMs = stated.get(index) ?? 0;
    if (lengthMs > maxAudioMs) throw new SpeechError('audio_too_long', 'The recording is too long.');

    decoder.allocContext3(codec);
    if (decoder.parametersToContext(track.codecpar) < 0) throw broken();
    decoder.pktTimebase = track.timeBase;
    decoder.threadCount = 1;
    if (decoder.open2Sync(codec) < 0) throw broken();

    packet.alloc();
    frame.alloc();
    let samples = 0;
    let good = 0;
    let bad = 0;
    for (let reading = true; reading; ) {
      const read = input.readFrameSync(packet);
      reading = read >= 0;
      if (!reading && read !== av.AVERROR_EOF) throw broken();
      if (reading && packet.streamIndex !== index) {
        packet.unref();
        continue;
      }
      if (decoder.sendPacketSync(reading ? packet : null) < 0) bad++;
      packet.unref();
      for (;;) {
        const received = decoder.receiveFrameSync(frame);
        if (received < 0) {
          if (received !== av.AVERROR_EAGAIN && received !== av.AVERROR_EOF) bad++;
          break;
        }
        good++;
        const pcm = mixer.mix(frame);
        samples += pcm.length;
        frame.unref();
        yield pcm;
      }
    }
    const rest = mixer.flush();
    samples += rest.length;
    yield rest;

    // Single damaged frames happen in honest files, at cuts; a file that is mostly damage is not a recording.
    if (bad > good) throw broken();
    const missingMs = lengthMs - (samples * 1000) / RATE;
    if (missingMs > SHORTAGE_MS + SHORTAGE_PART * lengthMs) {
      throw new SpeechError('invalid_audio', 'The recording ends before the length that it states.');
    }
  } finally {
    mixer.free();
    frame.free();
    packet.free();
    decoder.freeContext();
    input.closeInputSync();
    io.freeContext();
  }
}

/** What keeps FFmpeg to one container and the codecs above. To be freed. */
export function inputOptions(av: Ffmpeg, container: Exclude<Container, 'wav'>): InstanceType<Ffmpeg['Dictionary']> {
  return av.Dictionary.fromObject({
    format_whitelist: container,
    codec_whitelist: [...DECODERS].join(','),
    protocol_whitelist: 'none',
    max_streams: MAX_STREAMS,
  });
}

/** The length of a track as its container states it; 0 where it does not. */
function statedMs(av: Ffmpeg, { duration, timeBase }: InstanceType<Ffmpeg['Stream']>): number {
  return duration === av.AV_NOPTS_VALUE ? 0 : (Number(duration) * timeBase.num * 1000) / timeBase.den;
}
