/** The simulator's counts, as one plain object that survives JSON. */
import type { Application } from './application.ts';
import type { Gateway } from './gateway.ts';
import type { RestApi } from './rest/api.ts';
import type { RestStats } from './rest/stats.ts';
import type { NoteKind, Violation, ViolationKind } from './violations.ts';

export interface SimulatorStats {
  shards: number;
  guilds: number;
  /** IDENTIFYs with a right token and shard, also those refused for coming too soon. */
  identifies: number;
  /** RESUMEs that were granted. */
  resumes: number;
  resumesRefused: number;
  /** Open now. */
  connections: number;
  connectionsOpened: number;
  dispatched: number;
  dispatchedPerShard: number[];
  violations: Partial<Record<ViolationKind, number>>;
  violationCount: number;
  /** The last 100. */
  violationLog: Violation[];
  notes: Partial<Record<NoteKind, number>>;
  /** Arrivals of IDENTIFY per bucket, milliseconds since 1970. */
  identifyTimes: Record<number, number[]>;
  /** Valid ops 3, 4, 8, 31 and 43. */
  receivedCommands: number;
  /** Per shard, the session that still counts. */
  sessions: ({ sessionId: string; sequence: number; connected: boolean; pendingGuilds: number } | null)[];
  rest: RestStats;
}

export function statsOf(application: Application, gateway: Gateway, rest: RestApi): SimulatorStats {
  const dispatchedPerShard = application.shards.map((shard) =>
    shard.sessions.reduce((sum, session) => sum + session.sequence, 0),
  );
  const { violations } = application;
  return {
    shards: application.shards.length,
    guilds: application.shards.reduce((sum, shard) => sum + shard.guilds.size, 0),
    identifies: application.identifies,
    resumes: application.resumes,
    resumesRefused: application.resumesRefused,
    connections: gateway.connectionCount,
    connectionsOpened: gateway.opened,
    dispatched: dispatchedPerShard.reduce((sum, count) => sum + count, 0),
    dispatchedPerShard,
    violations: { ...violations.counts },
    violationCount: violations.total,
    violationLog: [...violations.log],
    notes: { ...violations.notes },
    identifyTimes: Object.fromEntries(
      Object.entries(application.identifyTimes).map(([bucket, times]) => [bucket, [...times]]),
    ),
    receivedCommands: application.receivedCount,
    sessions: application.shards.map((shard) => {
      const session = application.aliveSession(shard);
      if (!session) return null;
      const { id, sequence, isConnected, pendingGuilds } = session;
      return { sessionId: id, sequence, connected: isConnected, pendingGuilds: pendingGuilds.length };
    }),
    rest: rest.stats(),
  };
}
