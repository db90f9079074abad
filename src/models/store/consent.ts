import { SpeechError } from '../../errors.ts';
import type { ModelManifest } from '../manifest.ts';

/** What the operator has agreed to. */
export interface Consent {
  /** Takes a model whose hashes one source alone vouches for. */
  allowSingleSource?: boolean;
  /** Has read, and accepts, a licence that does not allow commercial use. */
  acceptLicence?: boolean;
}

/**
 * Throws SpeechError `single_source` or `licence_not_accepted` where a model needs a consent that was not given. A
 * manifest that says nothing counts as one that needs it.
 */
export function requireConsent(manifest: ModelManifest, consent: Consent): void {
  const { id, licence, confidence = 'single-source', commercialUse = false } = manifest;
  if (confidence === 'single-source' && !consent.allowSingleSource) {
    throw new SpeechError(
      'single_source',
      `One source alone vouches for the hashes of '${id}': allow that explicitly (--allow-single-source).`,
      { param: 'allow_single_source' },
    );
  }
  if (!commercialUse && !consent.acceptLicence) {
    throw new SpeechError(
      'licence_not_accepted',
      `The licence of '${id}' (${licence}) does not allow commercial use: accept it explicitly (--accept-licence).`,
      { param: 'accept_licence' },
    );
  }
}
