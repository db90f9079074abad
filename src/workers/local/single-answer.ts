import type { LoadedModel } from '../../engines/contract.ts';
import type { Operation, Operations } from '../contract.ts';

const SINGLE = [
  'detectSpeech',
  'denoise',
  'diarize',
  'embedSpeaker',
  'punctuate',
  'identifyLanguage',
  'judgeTurn',
] as const;
type Single = (typeof SINGLE)[number];

/** The answer to an operation that has just one message; undefined for any other, and where the model cannot do it. */
export function singleAnswer<O extends Operation>(
  loaded: LoadedModel,
  operation: O,
  request: Operations[O]['request'],
  signal: AbortSignal,
): AsyncIterable<Operations[Single]['message']> | undefined {
  if (!isSingle(operation)) return undefined;
  const ability = loaded[operation] as Ability | undefined;
  return ability === undefined ? undefined : once(ability.call(loaded, request, signal));
}

type Ability = (request: object, signal: AbortSignal) => Promise<Operations[Single]['message']>;

const isSingle = (operation: Operation): operation is Single => (SINGLE as readonly Operation[]).includes(operation);

async function* once<T>(message: Promise<T>): AsyncGenerator<T> {
  yield await message;
}
