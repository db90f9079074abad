import type { LimitSetting, Settings } from './kinds.ts';
import { limits } from './limits.ts';

/** The limits that callers may know, by the name and in the unit of `GET /v1/capabilities`: `upload_bytes: 104857600`. */
export function describeLimits(settings: Settings): Record<string, number> {
  const shown = (Object.entries(limits) as [keyof typeof limits, LimitSetting][]).filter(([, limit]) => limit.public);
  return Object.fromEntries(shown.map(([key]) => [publicName(key), settings.limits[key]]));
}

/** `uploadBytes` is `upload_bytes`. */
export function publicName(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
