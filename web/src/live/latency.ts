/**
 * Where the time goes between the last word of somebody and the answer, measured in the browser. All moments are
 * `performance.now()`.
 */
export interface Moments {
  /** The last sound of a voice. */
  spoken?: number;
  /** The server said that the turn was over. */
  stopped?: number;
  /** Its words were here. */
  transcribed?: number;
  /** The first words of the answer were here. */
  thought?: number;
  /** The first sound of the answer was here. */
  synthesised?: number;
  /** It left the loudspeaker. */
  heard?: number;
}

export interface Stage {
  name: string;
  ms: number;
  /** What happens in it, and what changes it. */
  about: string;
}

const STAGES: { name: string; from: keyof Moments; to: keyof Moments; about: string }[] = [
  {
    name: 'Pause',
    from: 'spoken',
    to: 'stopped',
    about: 'From your last sound until the server was sure that you had finished. Mostly the pause in the settings.',
  },
  {
    name: 'Recognition',
    from: 'stopped',
    to: 'transcribed',
    about: 'From the end of your turn to its words. A smaller recogniser takes less.',
  },
  {
    name: 'Language model',
    from: 'transcribed',
    to: 'thought',
    about: 'From your words to the first sentence of the answer, by the language model behind OS_LLM_URL.',
  },
  {
    name: 'Speech',
    from: 'thought',
    to: 'synthesised',
    about: 'From the first words of the answer to their first sound here. A smaller voice takes less.',
  },
  {
    name: 'Playback',
    from: 'synthesised',
    to: 'heard',
    about: 'From the sound’s arrival to your loudspeaker: this browser and this device.',
  },
];

/** The stages whose ends are both known, in order. */
export function stagesOf(moments: Moments): Stage[] {
  return STAGES.flatMap(({ name, from, to, about }) => {
    const begin = moments[from];
    const end = moments[to];
    return begin === undefined || end === undefined ? [] : [{ name, about, ms: Math.max(0, end - begin) }];
  });
}

/** From the last sound of the voice to the last moment that is known; null where the voice's end is not. */
export function totalOf(moments: Moments): number | null {
  const last = moments.heard ?? moments.synthesised ?? moments.thought ?? moments.transcribed ?? moments.stopped;
  return moments.spoken === undefined || last === undefined ? null : last - moments.spoken;
}
