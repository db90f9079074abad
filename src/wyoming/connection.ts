import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import type { Settings } from '../config/kinds.ts';
import { encodeEvent, type FrameBounds, FrameReader, type WyomingEvent } from '../engines/wyoming/framing.ts';
import { SpeechError, shuttingDown } from '../errors.ts';
import type { LiveCaller } from '../live/contract.ts';
import type { Log } from '../telemetry/log.ts';
import { DOOR_BOUNDS, type Door } from './door.ts';
import { optionalText } from './fields.ts';
import { Hearing, type HearingDeps } from './hearing.ts';
import { SpeakingJobs, type VoiceDeps } from './speaking.ts';
import type { Wire } from './wire.ts';

export interface ConnectionOptions {
  deps: HearingDeps & VoiceDeps;
  /** The answer to `describe`, as bytes. */
  info: () => Buffer;
  settings: Settings;
  log: Log;
  /** Where it comes from, as `rateKey` writes it. */
  address: string;
  /** Asks for a key first; undefined where none is needed. */
  door: Door | undefined;
}

/** One client: reads its events in order, answers them, and ends all of its work when it leaves. */
export class Connection implements Wire {
  readonly #socket: Socket;
  readonly #options: ConnectionOptions;
  readonly #caller: LiveCaller;
  readonly #gone = new AbortController();
  readonly #hearing: Hearing;
  readonly #speaking: SpeakingJobs;
  readonly #idle: NodeJS.Timeout;
  /** Asks for the key; undefined once it is known. */
  #door: Door | undefined;
  #entry: NodeJS.Timeout | undefined;
  readonly #lifetime: NodeJS.Timeout;
  #reading: Promise<void> | undefined;
  /** An event is being dealt with, and nothing more is read meanwhile. */
  #handling = false;
  /** Nothing more is read: what still comes is thrown away until the client has gone. */
  #refusing = false;
  #keyId: string | undefined;
  #draining = false;

  constructor(socket: Socket, options: ConnectionOptions) {
    this.#socket = socket;
    this.#options = options;
    const { wyomingIdleMs, wyomingLifetimeMs, headersTimeoutMs } = options.settings.limits;
    this.#caller = { requestId: randomUUID(), keyId: `wyoming ${options.address}`, signal: this.#gone.signal };
    this.#door = options.door;
    if (this.#door !== undefined)
      this.#entry = setTimeout(() => this.#refuse(tooLong('gave no key')), headersTimeoutMs);
    this.#hearing = new Hearing(options.deps, this, this.#caller);
    this.#speaking = new SpeakingJobs(options.deps, this, this.#caller);
    this.#idle = setTimeout(() => this.#idled(), wyomingIdleMs);
    this.#lifetime = setTimeout(() => this.#refuse(tooLong('has been open')), wyomingLifetimeMs);
    socket.on('close', () => this.#ended());
    socket.on('error', () => {});
  }

  /** Resolves when the client is gone. */
  async run(): Promise<void> {
    const reader = new FrameReader(this.#door === undefined ? this.#bounds() : DOOR_BOUNDS);
    try {
      let discarded = 0;
      for await (const bytes of this.#socket as AsyncIterable<Buffer>) {
        if (!this.#refusing) await this.#read(reader, bytes);
        else discarded += bytes.length;
        if (discarded > this.#options.settings.limits.drainBytes) break;
      }
    } catch {
      // The client cut the connection.
    } finally {
      this.#socket.destroy();
    }
  }

  /** The key that it gave; undefined where none was asked for, or it has not come yet. */
  get keyId(): string | undefined {
    return this.#keyId;
  }

  /** Its key was revoked or has expired. */
  endWithoutKey(): void {
    this.#refuse(new SpeechError('invalid_api_key', 'The key was revoked or has expired.'));
  }

  send(type: string, data?: object, payload?: Uint8Array): Promise<void> {
    return this.#write(encodeEvent(type, data, payload));
  }

  fail(error: SpeechError): void {
    const { code, message, status, detail } = error;
    const { log } = this.#options;
    if (status >= 500) log.warn('A Wyoming request failed', { requestId: this.#caller.requestId, code, detail });
    void this.send('error', { text: message, code });
  }

  /** Lets what has begun be finished and takes nothing new; resolves when the client may be cut off. */
  async drain(): Promise<void> {
    this.#draining = true;
    while (!this.#gone.signal.aborted && (this.#hearing.begun || this.#speaking.begun)) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    this.#socket.end();
  }

  /** Tells a client that has begun something and cannot be waited for. Resolves when it is gone. */
  async farewell(): Promise<void> {
    if (this.#socket.destroyed || !(this.#hearing.begun || this.#speaking.begun)) return;
    const closed = new Promise((resolve) => this.#socket.once('close', resolve));
    this.#refuse(shuttingDown());
    await closed;
  }

  async #read(reader: FrameReader, bytes: Buffer): Promise<void> {
    try {
      for (const event of reader.read(bytes)) {
        this.#handling = true;
        if (this.#door === undefined) await this.#handle(event);
        else await this.#enter(this.#door, event, reader);
        // Whoever does not read its answers is not read either.
        await this.#reading;
        if (this.#refusing || this.#gone.signal.aborted) return;
        this.#handling = false;
        this.#idle.refresh();
      }
    } catch (error) {
      this.#refuse(SpeechError.from(error));
    }
  }

  async #enter(door: Door, event: WyomingEvent, reader: FrameReader): Promise<void> {
    const { keyId } = await door.admit(event, this.#options.address);
    clearTimeout(this.#entry);
    this.#door = undefined;
    this.#keyId = keyId;
    this.#caller.keyId = keyId;
    reader.setBounds(this.#bounds());
  }

  #bounds(): FrameBounds {
    const { wyomingHeaderBytes, wyomingDataBytes, wyomingPayloadBytes } = this.#options.settings.limits;
    return { headerBytes: wyomingHeaderBytes, dataBytes: wyomingDataBytes, payloadBytes: wyomingPayloadBytes };
  }

  async #handle({ type, data, payload }: WyomingEvent): Promise<void> {
    const hearing = this.#hearing;
    const speaking = this.#speaking;
    try {
      switch (type) {
        case 'describe':
          return await this.#write(this.#options.info());
        case 'ping': {
          const text = optionalText(data, 'text');
          return await this.send('pong', text === undefined ? {} : { text });
        }
        case 'transcribe':
          this.#admit();
          return await hearing.transcribe(data);
        case 'audio-start':
          if (!hearing.begun) this.#admit();
          return await hearing.start();
        case 'audio-chunk':
          if (this.#draining && !hearing.begun) return;
          return await hearing.chunk(data, payload);
        case 'audio-stop':
          return await hearing.stop();
        case 'synthesize':
          this.#admit();
          return await speaking.synthesize(data);
        case 'synthesize-start':
          this.#admit();
          return await speaking.streamStart(data);
        case 'synthesize-chunk':
          return speaking.streamText(data);
        case 'synthesize-stop':
          return await speaking.streamStop();
        default:
        // Other events are for other kinds of servers, or for later ones.
      }
    } catch (error) {
      if (!(error instanceof SpeechError)) this.#options.log.error('A Wyoming event met a defect', { error });
      this.fail(SpeechError.from(error));
    }
  }

  #admit(): void {
    if (this.#draining) throw shuttingDown();
  }

  #write(bytes: Buffer): Promise<void> {
    if (this.#socket.destroyed || this.#socket.writableEnded) return Promise.resolve();
    // Whoever listens has nothing to say.
    this.#idle.refresh();
    if (!this.#socket.write(bytes) && this.#reading === undefined) this.#reading = this.#untilRead();
    return this.#reading ?? Promise.resolve();
  }

  async #untilRead(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(
      () => this.#cut('it does not read its answers'),
      this.#options.settings.limits.wyomingReadMs,
    );
    const go = (): void => resolve();
    this.#socket.once('drain', go);
    this.#gone.signal.addEventListener('abort', go);
    await promise;
    clearTimeout(timer);
    this.#socket.off('drain', go);
    this.#gone.signal.removeEventListener('abort', go);
    this.#reading = undefined;
  }

  #idled(): void {
    if (this.#handling || this.#hearing.busy || this.#speaking.busy) this.#idle.refresh();
    else this.#refuse(tooLong('has sent nothing'));
  }

  /** Tells why and hangs up. The client gets the time to read it: what it still sends would make its system drop it. */
  #refuse(error: SpeechError): void {
    if (this.#refusing) return;
    this.#refusing = true;
    this.#options.log.info('A Wyoming client was refused', { code: error.code, requestId: this.#caller.requestId });
    this.fail(error);
    this.#hearing.close();
    this.#speaking.close();
    this.#gone.abort(error);
    this.#socket.end();
    setTimeout(() => this.#socket.destroy(), this.#options.settings.limits.drainMs).unref();
  }

  #cut(reason: string): void {
    this.#options.log.info('A Wyoming client was cut off', { reason, requestId: this.#caller.requestId });
    this.#socket.destroy();
  }

  #ended(): void {
    clearTimeout(this.#idle);
    clearTimeout(this.#lifetime);
    clearTimeout(this.#entry);
    this.#hearing.close();
    this.#speaking.close();
    this.#gone.abort(new SpeechError('cancelled', 'The client has left.'));
  }
}

function tooLong(what: string): SpeechError {
  return new SpeechError('request_timeout', `This connection ${what} for too long.`);
}
