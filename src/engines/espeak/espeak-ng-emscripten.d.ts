/** The part of the WASM build of eSpeak NG that we use; the package ships no types. */
declare module '@echogarden/espeak-ng-emscripten' {
  export interface EspeakEvent {
    type:
      | 'list_terminated'
      | 'word'
      | 'sentence'
      | 'mark'
      | 'play'
      | 'end'
      | 'msg_terminated'
      | 'phoneme'
      | 'samplerate';
    /** 1-based, in code points of the text. For `end`: how many code points have been spoken. */
    text_position: number;
    audio_position: number;
    /** IPA for `phoneme`, empty for a pause; a counter for `word` and `sentence`. */
    id: string | number | undefined;
  }
  /** Receives at most 100 ms of audio. Returning true ends the synthesis. */
  export type EspeakCallback = (pcm: Int16Array, events: EspeakEvent[]) => boolean;

  export interface EspeakWorker {
    get_samplerate(): number;
    /** 0 when the voice exists. Without a language the name may be a file name with `+variant`. */
    set_voice(name: string): number;
    set_rate(wordsPerMinute: number): void;
    set_pitch(pitch: number): void;
    set_range(range: number): void;
    list_voices(): { name: string; identifier: string; languages: { priority: number; name: string }[] }[];
    /** Reads SSML and `[[mnemonics]]`. */
    synthesize(text: string, callback: EspeakCallback): void;
    /** Reads plain text and nothing else. */
    synthesize_and_get_phonemes(text: string, callback: EspeakCallback): string;
  }

  export interface EspeakModule {
    eSpeakNGWorker: new () => EspeakWorker;
    FS: {
      readFile(path: string): Uint8Array;
      readFile(path: string, options: { encoding: 'utf8' }): string;
      readdir(path: string): string[];
    };
  }

  export default function load(options: {
    getPreloadedPackage(name: string, bytes: number): ArrayBuffer;
    print(line: string): void;
    printErr(line: string): void;
  }): Promise<EspeakModule>;
}
