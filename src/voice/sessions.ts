/** Which worker sessions of a shard are connected, and which of those that are not may still come back. Owns the timers. */
import type { Clock } from '../runtime/clock.ts';

/** What a session is told beside its dispatches. */
export interface VoiceListener {
  /**
   * The `d` of a VOICE_SERVER_UPDATE that it has not had. False: it can't take it now, because it has not sent what came before.
   */
  onVoiceServer(d: string): boolean;
}

/**
 * How long a session whose connection ended keeps its voice: libraries that RESUME do so within seconds, and Discord holds a voice
 * connection whose gateway connection is gone for about as long.
 */
export const AWAY_LIMIT_MS = 60_000;

/** One connection of a session. Disposing of it says that it is gone, and that the session may come back. */
export interface VoiceConnection extends Disposable {
  /** The session is over for good, by this connection: unless it has another one, having RESUMEd. */
  end(): void;
}

/** Where the last connection of a session ends: how. */
export interface LastConnection {
  onAway(): void;
  onOver(): void;
}

export interface VoiceSessionsOptions {
  readonly clock: Clock;
  /** It has not come back in time. */
  readonly onGone: (tag: string) => void;
}

export class VoiceSessions implements Disposable {
  readonly #options: VoiceSessionsOptions;
  /** A worker that RESUMEs may have a dead connection beside its new one. */
  readonly #connected = new Map<string, Set<VoiceListener>>();
  readonly #away = new Map<string, Disposable>();
  #isOver = false;

  constructor(options: VoiceSessionsOptions) {
    this.#options = options;
  }

  /** A connection of the session; one of `last` is called when it ends and there is no other. */
  connect(tag: string, listener: VoiceListener, last: LastConnection): VoiceConnection {
    this.#stay(tag);
    const listeners = this.#connected.get(tag) ?? new Set();
    this.#connected.set(tag, listeners.add(listener));
    const leave = (onLast: () => void) => {
      if (!listeners.delete(listener) || listeners.size > 0) return;
      this.#connected.delete(tag);
      onLast();
    };
    return { end: () => leave(() => last.onOver()), [Symbol.dispose]: () => leave(() => last.onAway()) };
  }

  /** Gives a session that is not connected time to come back, from now on where it has none yet. */
  expect(tag: string): void {
    if (this.#isOver || this.#connected.has(tag) || this.#away.has(tag)) return;
    const { clock, onGone } = this.#options;
    const expire = () => {
      this.#away.delete(tag);
      onGone(tag);
    };
    this.#away.set(tag, clock.setTimer(expire, AWAY_LIMIT_MS));
  }

  /** It will not come back, or it has nothing to come back for. */
  forget(tag: string): void {
    this.#stay(tag);
  }

  /** Whether the session took it: its newest connection, as those before may be dead. */
  tellServer(tag: string, d: string): boolean {
    return [...(this.#connected.get(tag) ?? [])].at(-1)?.onVoiceServer(d) ?? false;
  }

  forgetAll(): void {
    for (const timer of this.#away.values()) timer[Symbol.dispose]();
    this.#away.clear();
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    this.forgetAll();
  }

  #stay(tag: string): void {
    this.#away.get(tag)?.[Symbol.dispose]();
    this.#away.delete(tag);
  }
}
