/** What a key may do. Scopes stand beside each other: `admin` does not include the others. */
export const SCOPES = ['speech', 'models:read', 'models:write', 'admin', 'worker'] as const;
export type Scope = (typeof SCOPES)[number];

export function isScope(text: string): text is Scope {
  return (SCOPES as readonly string[]).includes(text);
}

/** Who is calling, as far as the rest of the server needs to know. */
export interface Principal {
  /** Stable and public: for logs, fair queues and rate limits. */
  keyId: string;
  name: string;
  scopes: ReadonlySet<Scope>;
  /** This key's own rate; the server's where undefined. */
  requestsPerMinute?: number;
}
