/**
 * Counts what clients did wrong. A violation is something that costs a bot at Discord; a note is only worth knowing.
 */

export type ViolationKind =
  | 'already-authenticated'
  | 'guild-of-another-shard'
  | 'heartbeat-missing'
  | 'heartbeat-rate'
  | 'heartbeat-sequence'
  | 'identify-budget'
  | 'identify-rate'
  | 'invalid-api-version'
  | 'invalid-intents'
  | 'invalid-payload'
  | 'invalid-shard'
  | 'member-request-intents'
  | 'member-request-rate'
  | 'nonce-size'
  | 'not-authenticated'
  | 'rest-avoidable-429'
  | 'rest-dead-webhook'
  | 'rest-global-limit'
  | 'rest-ignored-429'
  | 'rest-invalid-request-ban'
  | 'rest-refused-token'
  | 'rest-strange-path'
  | 'rest-stray-header'
  | 'rest-token-leak'
  | 'rest-unprobed-429'
  | 'resume-sequence'
  | 'send-malformed'
  | 'send-rate'
  | 'send-size'
  | 'session-ended-by-client'
  | 'unknown-opcode';

/** What an operator or a test does rather than the program: configuration, restarts, late resumes. */
export type NoteKind =
  | 'disallowed-intents'
  | 'reader-too-slow'
  | 'refused-token'
  | 'rest-hidden-limit'
  | 'rest-shared-limit'
  | 'rest-unforeseen-429'
  | 'rest-without-user-agent'
  | 'resume-at-wrong-url'
  | 'resume-of-unknown-session'
  | 'resume-too-old'
  | 'session-replaced';

/** `at` is milliseconds since 1970; `shard` is null before IDENTIFY and for requests. */
export interface Violation {
  at: number;
  shard: number | null;
  kind: ViolationKind;
  detail: string;
}

/** Older entries of the log go, the counts stay. */
const MAX_LOGGED = 100;

export class Violations {
  readonly counts: Partial<Record<ViolationKind, number>> = {};
  readonly notes: Partial<Record<NoteKind, number>> = {};
  readonly log: Violation[] = [];
  total = 0;

  add(kind: ViolationKind, shard: number | null, detail: string): void {
    this.total += 1;
    this.counts[kind] = (this.counts[kind] ?? 0) + 1;
    this.log.push({ at: Date.now(), shard, kind, detail });
    if (this.log.length > MAX_LOGGED) this.log.shift();
  }

  note(kind: NoteKind): void {
    this.notes[kind] = (this.notes[kind] ?? 0) + 1;
  }
}
