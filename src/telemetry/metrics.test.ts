import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CLOSE } from '../api/sockets/close-codes.ts';
import { openMetrics } from './metrics.ts';

async function render(prepare: (metrics: ReturnType<typeof openMetrics>) => void): Promise<string> {
  const metrics = openMetrics();
  prepare(metrics);
  const { contentType, body } = await metrics.render();
  assert.match(contentType, /^text\/plain; version=0\.0\.4/);
  metrics.close();
  return body;
}

test('what happened is counted, in seconds and bytes', async () => {
  const body = await render((metrics) => {
    metrics.requestAnswered({ route: '/v1/audio/speech', method: 'POST', status: 200, durationMs: 40 });
    metrics.firstAudioSent({ model: 'm', durationMs: 30 });
    metrics.callWaited({ model: 'm', lane: 'interactive', durationMs: 5 });
    metrics.callRefused({ model: 'm', reason: 'queue_full' });
    metrics.engineRestarted({ model: 'm', reason: 'crash' });
    metrics.audioMade({ model: 'm', durationMs: 1500 });
    metrics.audioHeard({ model: 'm', durationMs: 2500 });
    metrics.authenticationFailed();
    metrics.rateLimited('key');
  });
  for (const line of [
    'open_speech_requests_total{route="/v1/audio/speech",method="POST",status="200"} 1',
    'open_speech_request_seconds_bucket{le="0.05",route="/v1/audio/speech"} 1',
    'open_speech_request_seconds_bucket{le="0.02",route="/v1/audio/speech"} 0',
    'open_speech_first_audio_seconds_sum{model="m"} 0.03',
    'open_speech_queue_wait_seconds_count{model="m",lane="interactive"} 1',
    'open_speech_calls_refused_total{model="m",reason="queue_full"} 1',
    'open_speech_engine_restarts_total{model="m",reason="crash"} 1',
    'open_speech_audio_made_seconds_total{model="m"} 1.5',
    'open_speech_audio_heard_seconds_total{model="m"} 2.5',
    'open_speech_authentication_failures_total 1',
    'open_speech_rate_limited_total{by="key"} 1',
  ]) {
    assert.ok(body.includes(`${line}\n`), line);
  }
  assert.match(body, /open_speech_event_loop_lag_seconds\{quantile="0\.99"\} [\d.e-]+\n/);
  assert.match(body, /open_speech_process_resident_memory_bytes \d{6,}\n/);
});

test('live work is counted, and a client cannot invent a label', async () => {
  const body = await render((metrics) => {
    metrics.socketOpened('/v1/realtime');
    metrics.socketOpened('/v1/realtime');
    metrics.socketClosed({ route: '/v1/realtime', code: 1000 });
    for (let code = 3000; code < 4000; code++) {
      metrics.socketOpened('/v1/listen');
      metrics.socketClosed({ route: '/v1/listen', code });
    }
    metrics.protocolError({ route: '/v1/listen', code: 'invalid_audio' });
    metrics.liveSessionOpened('listening');
    metrics.liveSessionOpened('listening');
    metrics.liveSessionClosed('listening');
    metrics.utteranceEnded({ model: 'm', outcome: 'recognised' });
    metrics.responseEnded('interrupted');
  });
  for (const line of [
    'open_speech_open_sockets{route="/v1/realtime"} 1',
    'open_speech_open_sockets{route="/v1/listen"} 0',
    'open_speech_sockets_closed_total{route="/v1/realtime",code="1000"} 1',
    'open_speech_sockets_closed_total{route="/v1/listen",code="other"} 1000',
    'open_speech_protocol_errors_total{route="/v1/listen",code="invalid_audio"} 1',
    'open_speech_live_sessions{kind="listening"} 1',
    'open_speech_utterances_total{model="m",outcome="recognised"} 1',
    'open_speech_responses_total{outcome="interrupted"} 1',
  ]) {
    assert.ok(body.includes(`${line}\n`), line);
  }
});

test('every close code of the server has a label of its own', async () => {
  const codes = Object.values(CLOSE);
  const body = await render((metrics) => {
    for (const code of codes) metrics.socketClosed({ route: '/r', code });
  });
  for (const code of codes) assert.ok(body.includes(`{route="/r",code="${code}"} 1\n`), String(code));
});

test('the state of the models is read anew each time', async () => {
  const metrics = openMetrics();
  let models = [{ model: 'a', waiting: 3, busy: 2, processes: 1, memoryBytes: 5 }];
  metrics.watchModels(() => models);
  assert.ok((await metrics.render()).body.includes('open_speech_queue_depth{model="a"} 3\n'));
  assert.ok((await metrics.render()).body.includes('open_speech_queue_depth{model="a"} 3\n'));
  models = [];
  assert.ok(!(await metrics.render()).body.includes('open_speech_queue_depth{'));
  metrics.close();
});

test('labels are bounded whatever callers ask for', async () => {
  const body = await render((metrics) => {
    for (let index = 0; index < 5000; index++) metrics.audioMade({ model: `m${index}`, durationMs: 1000 });
  });
  const series = body.match(/^open_speech_audio_made_seconds_total\{/gm);
  assert.equal(series?.length, 501);
  assert.ok(body.includes('open_speech_audio_made_seconds_total{model="other"} 4500\n'));
});

test('a label cannot break the format', async () => {
  const body = await render((metrics) => metrics.audioMade({ model: 'a"\n\\b', durationMs: 1000 }));
  assert.ok(body.includes('{model="a\\"\\n\\\\b"} 1\n'));
});

test('two servers in one process count apart', async () => {
  await render((metrics) => metrics.authenticationFailed());
  assert.ok((await render(() => {})).includes('open_speech_authentication_failures_total 0\n'));
});
