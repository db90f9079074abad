import { createRequire } from 'node:module';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type {
  Counter,
  CounterConfiguration,
  Gauge,
  GaugeConfiguration,
  Histogram,
  HistogramConfiguration,
  Registry,
} from 'prom-client';

/** What one model is doing when the metrics are read. */
export interface ModelGauges {
  model: string;
  /** Calls waiting for a slot. */
  waiting: number;
  /** Calls being worked on. */
  busy: number;
  processes: number;
  memoryBytes: number;
}

/**
 * Counts and times for Prometheus. Labels are route patterns, catalogue ids and words from short lists: nothing that a
 * caller writes becomes a label. Times go in as ms and come out as seconds, as Prometheus wants them.
 */
export interface Metrics {
  requestAnswered(request: { route: string; method: string; status: number; durationMs: number }): void;
  /** From the request's arrival until the first byte of audio left. */
  firstAudioSent(call: { model: string; durationMs: number }): void;
  /** A call left its queue, or left it unserved. */
  callWaited(call: { model: string; lane: 'interactive' | 'batch'; durationMs: number }): void;
  callRefused(call: { model: string; reason: 'queue_full' | 'overloaded' | 'deadline_exceeded' }): void;
  engineRestarted(engine: { model: string; reason: 'crash' | 'hang' | 'memory' | 'load' }): void;
  audioMade(audio: { model: string; durationMs: number }): void;
  audioHeard(audio: { model: string; durationMs: number }): void;
  authenticationFailed(): void;
  rateLimited(by: 'key' | 'address'): void;
  socketOpened(route: string): void;
  /** `code`: as the close frame has it; 1006 where there was none. */
  socketClosed(socket: { route: string; code: number }): void;
  /** A client was told, in the words of its protocol, what is wrong. `code` is one of ours. */
  protocolError(error: { route: string; code: string }): void;
  liveSessionOpened(kind: LiveKind): void;
  liveSessionClosed(kind: LiveKind): void;
  utteranceEnded(utterance: { model: string; outcome: 'recognised' | 'failed' | 'cleared' }): void;
  /** A response of a Realtime conversation; `interrupted`: somebody spoke into it. */
  responseEnded(outcome: 'completed' | 'incomplete' | 'cancelled' | 'interrupted' | 'failed'): void;
  /** Says where to look for the state of the models whenever the metrics are read. */
  watchModels(read: () => readonly ModelGauges[]): void;
  /** The text that Prometheus reads. */
  render(): Promise<{ contentType: string; body: string }>;
  close(): void;
}

/** Live sessions: those that hear and those that speak. */
export type LiveKind = 'listening' | 'speaking';

interface Library {
  Registry: new () => Registry;
  Counter: new <L extends string>(configuration: CounterConfiguration<L>) => Counter<L>;
  Gauge: new <L extends string>(configuration: GaugeConfiguration<L>) => Gauge<L>;
  Histogram: new <L extends string>(configuration: HistogramConfiguration<L>) => Histogram<L>;
}

/** The four parts that are used; the package's own entry also loads a cluster, OpenTelemetry and more, for 40 ms. */
function load(): Library {
  const require = createRequire(import.meta.url);
  return {
    Registry: require('prom-client/lib/registry.js'),
    Counter: require('prom-client/lib/counter.js'),
    Gauge: require('prom-client/lib/gauge.js'),
    Histogram: require('prom-client/lib/histogram.js'),
  };
}

const REQUEST_SECONDS = [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];
const WAIT_SECONDS = [0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
/** More values than this for one label are counted together, whatever goes wrong above. */
const MAX_LABEL_VALUES = 500;
/** Of RFC 6455 section 7.4.1 and docs/sockets.md, with the two that say there was none. */
const KNOWN_CODES = new Set([
  ...[1000, 1001, 1002, 1003, 1005, 1006, 1007, 1008, 1009, 1011, 1013],
  ...[4001, 4008, 4009, 4013],
]);
const LAG_RESOLUTION_MS = 10;

/** Opens the metrics of this process. */
export function openMetrics(): Metrics {
  const library = load();
  const registry = new library.Registry();
  const registers = [registry];
  const counter = <L extends string>(name: string, help: string, labelNames: L[]) =>
    new library.Counter<L>({ name: `open_speech_${name}`, help, labelNames, registers });
  const gauge = <L extends string>(name: string, help: string, labelNames: L[]) =>
    new library.Gauge<L>({ name: `open_speech_${name}`, help, labelNames, registers });
  const histogram = <L extends string>(name: string, help: string, labelNames: L[], buckets: number[]) =>
    new library.Histogram<L>({ name: `open_speech_${name}`, help, labelNames, buckets, registers });

  const requests = counter('requests_total', 'Requests answered.', ['route', 'method', 'status']);
  const requestTime = histogram('request_seconds', 'Time to answer.', ['route'], REQUEST_SECONDS);
  const firstAudio = histogram('first_audio_seconds', 'Time to the first byte of audio.', ['model'], REQUEST_SECONDS);
  const waitTime = histogram('queue_wait_seconds', 'Time a call waited for a slot.', ['model', 'lane'], WAIT_SECONDS);
  const refused = counter('calls_refused_total', 'Calls that were not started.', ['model', 'reason']);
  const restarts = counter('engine_restarts_total', 'Engine processes that had to be replaced.', ['model', 'reason']);
  const made = counter('audio_made_seconds_total', 'Audio spoken.', ['model']);
  const heard = counter('audio_heard_seconds_total', 'Audio transcribed.', ['model']);
  const failures = counter('authentication_failures_total', 'Requests with a wrong key.', []);
  const limited = counter('rate_limited_total', 'Requests refused for their rate.', ['by']);
  const sockets = gauge('open_sockets', 'Open WebSockets.', ['route']);
  const closed = counter('sockets_closed_total', 'WebSockets that were closed.', ['route', 'code']);
  const told = counter('protocol_errors_total', 'Errors told on open WebSockets.', ['route', 'code']);
  const live = gauge('live_sessions', 'Live sessions.', ['kind']);
  const utterances = counter('utterances_total', 'Utterances of live speech.', ['model', 'outcome']);
  const responses = counter('responses_total', 'Responses of Realtime conversations.', ['outcome']);
  const waiting = gauge('queue_depth', 'Calls waiting for a slot.', ['model']);
  const busy = gauge('calls_running', 'Calls being worked on.', ['model']);
  const processes = gauge('engine_processes', 'Engine processes.', ['model']);
  const engineMemory = gauge('engine_memory_bytes', 'Resident memory of engine processes.', ['model']);
  const lag = gauge('event_loop_lag_seconds', 'Event-loop lag since the last reading.', ['quantile']);
  const memory = gauge('process_resident_memory_bytes', 'Resident memory of the server process.', []);
  const cpu = counter('process_cpu_seconds_total', 'Processor time of the server process.', []);
  const uptime = gauge('process_uptime_seconds', 'Time since the server process started.', []);

  const known = new Map<string, Set<string>>();
  const bounded = (label: string, value: string): string => {
    const values = known.get(label) ?? new Set();
    known.set(label, values);
    if (values.size < MAX_LABEL_VALUES) values.add(value);
    return values.has(value) ? value : 'other';
  };
  const modelLabel = (model: string): string => bounded('model', model);

  const delay = monitorEventLoopDelay({ resolution: LAG_RESOLUTION_MS });
  delay.enable();
  let readModels: () => readonly ModelGauges[] = () => [];

  const collect = (): void => {
    for (const [quantile, nanoseconds] of [
      ['0.5', delay.percentile(50)],
      ['0.99', delay.percentile(99)],
      ['1', delay.max],
    ] as const) {
      // The monitor measures the whole interval between its ticks; only what exceeds the planned one is lag.
      lag.set({ quantile }, Math.max(0, nanoseconds / 1e9 - LAG_RESOLUTION_MS / 1000));
    }
    delay.reset();
    const { user, system } = process.cpuUsage();
    cpu.reset();
    cpu.inc((user + system) / 1e6);
    memory.set(process.memoryUsage.rss());
    uptime.set(process.uptime());
    for (const perModel of [waiting, busy, processes, engineMemory]) perModel.reset();
    for (const state of readModels()) {
      const model = modelLabel(state.model);
      waiting.inc({ model }, state.waiting);
      busy.inc({ model }, state.busy);
      processes.inc({ model }, state.processes);
      engineMemory.inc({ model }, state.memoryBytes);
    }
  };

  return {
    requestAnswered({ route, method, status, durationMs }) {
      const pattern = bounded('route', route);
      requests.inc({ route: pattern, method: bounded('method', method), status });
      requestTime.observe({ route: pattern }, durationMs / 1000);
    },
    firstAudioSent: ({ model, durationMs }) => firstAudio.observe({ model: modelLabel(model) }, durationMs / 1000),
    callWaited: ({ model, lane, durationMs }) =>
      waitTime.observe({ model: modelLabel(model), lane }, durationMs / 1000),
    callRefused: ({ model, reason }) => refused.inc({ model: modelLabel(model), reason }),
    engineRestarted: ({ model, reason }) => restarts.inc({ model: modelLabel(model), reason }),
    audioMade: ({ model, durationMs }) => made.inc({ model: modelLabel(model) }, durationMs / 1000),
    audioHeard: ({ model, durationMs }) => heard.inc({ model: modelLabel(model) }, durationMs / 1000),
    authenticationFailed: () => failures.inc(),
    socketOpened: (route) => sockets.inc({ route: bounded('route', route) }),
    socketClosed({ route, code }) {
      const pattern = bounded('route', route);
      sockets.dec({ route: pattern });
      // A client may send any code it likes.
      closed.inc({ route: pattern, code: KNOWN_CODES.has(code) ? String(code) : 'other' });
    },
    protocolError: ({ route, code }) => told.inc({ route: bounded('route', route), code: bounded('error', code) }),
    liveSessionOpened: (kind) => live.inc({ kind }),
    liveSessionClosed: (kind) => live.dec({ kind }),
    utteranceEnded: ({ model, outcome }) => utterances.inc({ model: modelLabel(model), outcome }),
    responseEnded: (outcome) => responses.inc({ outcome }),
    rateLimited: (by) => limited.inc({ by }),
    watchModels(read) {
      readModels = read;
    },
    async render() {
      collect();
      return { contentType: registry.contentType, body: await registry.metrics() };
    },
    close: () => delay.disable(),
  };
}
