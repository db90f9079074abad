import type { Consent, ManagedModel } from '../api/manager.ts';

/** SPDX writes `LicenseRef-` before names of its users' own making (SPDX 2.3, annex D). */
export function licenceName(licence: string): string {
  if (licence === '') return 'Not stated';
  return licence
    .split(/ AND /)
    .map((part) => part.replace(/^LicenseRef-/, '').replaceAll(/(?<=[A-Za-z])-(?=[A-Z][a-z])/g, ' '))
    .join(' + ');
}

export interface LicenceMark {
  text: string;
  /** Forbidden, or nobody has said. */
  level: 'forbidden' | 'unknown';
}

/** What everybody must see beside a licence; null where business use is allowed, as of all that comes with the server. */
export function licenceMark(model: Pick<ManagedModel, 'commercialUse' | 'packaged'>): LicenceMark | null {
  const { commercialUse, packaged } = model;
  if (commercialUse === true || (commercialUse === null && packaged)) return null;
  return commercialUse === false
    ? { text: 'No commercial use', level: 'forbidden' }
    : { text: 'Commercial use unclear', level: 'unknown' };
}

/** What a visitor agrees to, in a sentence. */
export function consentText(consent: Consent, model: Pick<ManagedModel, 'licence' | 'commercialUse'>): string {
  if (consent === 'allow_single_source') {
    return 'Take it although its checksum was published in one place only, so nobody else vouches for these files.';
  }
  return model.commercialUse === false
    ? `I accept the licence (${licenceName(model.licence)}): it forbids commercial use.`
    : `I have read the licence (${licenceName(model.licence)}) and accept it: nobody has said whether it allows commercial use.`;
}
