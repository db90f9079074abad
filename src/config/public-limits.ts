import type { LimitSetting, Settings } from './kinds.ts';
import { limits } from './limits.ts';

/** A bound as callers are told it. */
export interface PublicLimit {
  value: number;
  /** `bytes`, `ms` or what is counted. */
  unit: string;
  doc: string;
}

/** The limits that callers may know, by the name and in the unit of `GET /v1/capabilities`. */
export function describeLimits(settings: Settings): Record<string, PublicLimit> {
  const shown = (Object.entries(limits) as [keyof typeof limits, LimitSetting][]).filter(([, limit]) => limit.public);
  return Object.fromEntries(
    shown.map(([key, { unit = '', doc }]) => [
      publicName(key),
      { value: settings.limits[key], unit: key.endsWith('Bytes') ? 'bytes' : key.endsWith('Ms') ? 'ms' : unit, doc },
    ]),
  );
}

/** `uploadBytes` is `upload_bytes`. */
export function publicName(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
