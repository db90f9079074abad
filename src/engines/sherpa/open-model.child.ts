/**
 * For tests: opens the model given as JSON in the first argument in a process of its own, because sherpa-onnx may end
 * it, then speaks `hello` or listens to a second of silence. Prints one JSON line.
 */
import type { OpenModel } from '../contract.ts';
import { engine as sherpa } from './engine.ts';

const model = JSON.parse(process.argv[2]!) as OpenModel;
const { signal } = new AbortController();
try {
  const loaded = await sherpa.open(model, { threads: 1 });
  let messages = 0;
  const [voice] = loaded.capabilities.speak?.voices ?? [];
  const answers = loaded.speak
    ? loaded.speak({ text: 'hello', voice: voice!.id, speed: 1 }, signal)
    : loaded.transcribe!({ pcm: new Float32Array(16_000) }, signal);
  for await (const _ of answers) messages += 1;
  await loaded.close();
  console.log(JSON.stringify({ messages }));
} catch (thrown) {
  const { code, message } = thrown as { code: string; message: string };
  console.log(JSON.stringify({ code, message }));
}
