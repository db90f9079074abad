import { SpeechError } from '../../errors.ts';
import type { ModelManifest } from '../manifest.ts';

/** What the operator has agreed to. */
export interface Consent {
  /** Takes a model whose hashes one source alone vouches for. */
  allowSingleSource?: boolean;
  /** Has read, and accepts, a licence that does not allow commercial use or does not say so clearly. */
  acceptLicence?: boolean;
}

/**
 * Throws SpeechError `single_source` or `licence_not_accepted` where a model needs a consent that was not given. A
 * manifest that says nothing counts as one that needs it.
 */
export function requireConsent(manifest: ModelManifest, consent: Consent): void {
  const { id, licence, confidence = 'single-source', commercialUse } = manifest;
  const unaccepted = commercialUse !== true && !consent.acceptLicence;
  const terms =
    commercialUse === false
      ? 'does not allow commercial use'
      : 'has terms of its own, or nobody has said whether it allows commercial use';
  if (confidence === 'single-source' && !consent.allowSingleSource) {
    const besides = unaccepted ? ` Its licence (${licence}) ${terms}: accept that, too (--accept-licence).` : '';
    throw new SpeechError(
      'single_source',
      `One source alone vouches for the hashes of '${id}': allow that explicitly (--allow-single-source).${besides}`,
      { param: 'allow_single_source' },
    );
  }
  if (unaccepted) {
    throw new SpeechError(
      'licence_not_accepted',
      `The licence of '${id}' (${licence}) ${terms}: accept it explicitly (--accept-licence).`,
      { param: 'accept_licence' },
    );
  }
}
