/** The kinds of settings. A row is data: parsing, checking and documenting it happens in `load.ts` and `document.ts`. */

interface Common {
  /** Environment name. */
  env: string;
  doc: string;
  group?: string;
  unit?: string;
  /** Older names that still work, with a warning. */
  was?: readonly string[];
  /** Names that other programs use for the same thing. They work too, without a warning, when ours is not set. */
  also?: readonly string[];
  /** Known, but its feature is not in this version. */
  later?: boolean;
}

export interface TextSetting extends Common {
  kind: 'text' | 'path' | 'secret';
  default: string;
}
export interface BoolSetting extends Common {
  kind: 'bool';
  default: boolean;
}
export interface NumberSetting extends Common {
  kind: 'int' | 'number';
  default: number;
  min: number;
  max: number;
}
export interface ListSetting extends Common {
  kind: 'list';
  default: readonly string[];
}
export interface ChoiceSetting<V extends string = string> extends Common {
  kind: 'choice';
  values: readonly V[];
  default: V;
}
/** A bound. `default`, `min` and `max` are in the written unit; code reads the value times `scale`. */
export interface LimitSetting extends Common {
  kind: 'limit';
  default: number;
  min: number;
  max: number;
  scale?: number;
  /** Shown to callers in `GET /v1/capabilities`. */
  public?: boolean;
}

export type Setting = TextSetting | BoolSetting | NumberSetting | ListSetting | ChoiceSetting | LimitSetting;

type Row<S extends Setting> = Omit<S, 'kind'>;
export const text = (row: Row<TextSetting>): TextSetting => ({ kind: 'text', ...row });
export const path = (row: Row<TextSetting>): TextSetting => ({ kind: 'path', ...row });
export const secret = (row: Row<TextSetting>): TextSetting => ({ kind: 'secret', ...row });
export const bool = (row: Row<BoolSetting>): BoolSetting => ({ kind: 'bool', ...row });
export const int = (row: Row<NumberSetting>): NumberSetting => ({ kind: 'int', ...row });
export const number = (row: Row<NumberSetting>): NumberSetting => ({ kind: 'number', ...row });
export const list = (row: Row<ListSetting>): ListSetting => ({ kind: 'list', ...row });
export const limit = (row: Row<LimitSetting>): LimitSetting => ({ kind: 'limit', ...row });
export const choice = <const V extends string>(row: Row<ChoiceSetting<V>>): ChoiceSetting<V> => ({
  kind: 'choice',
  ...row,
});

type ValueOf<S> = S extends BoolSetting
  ? boolean
  : S extends ListSetting
    ? readonly string[]
    : S extends ChoiceSetting<infer V>
      ? V
      : S extends NumberSetting | LimitSetting
        ? number
        : string;

type ValuesOf<T> = {
  readonly [K in keyof T]: T[K] extends Setting ? ValueOf<T[K]> : ValuesOf<T[K]>;
};

export type Settings = ValuesOf<typeof import('./settings.ts').settingsTable>;
