/** Metrics of the bot's voice: whom its events go to. */
import type { Metrics } from '../../../observability/index.ts';
import { RELEASE_REASONS, type VoiceCounts } from '../../../voice/index.ts';
import type { Application } from '../application.ts';
import { perShard, SHARD_LABELS } from './per-shard.ts';

export function registerVoice(metrics: Metrics, applications: readonly Application[]): void {
  const counter = (name: string, help: string, read: (counts: VoiceCounts) => number) =>
    metrics.observedCounter({
      name,
      help,
      labels: SHARD_LABELS,
      collect: perShard(applications, (shard) => shard.voice.counts, read),
    });
  metrics.observedGauge({
    name: 'shardmux_voice_owners',
    help: "Guilds whose voice events go to one worker session alone (workers.voice: owner): the bot's own state, and the voice server.",
    labels: SHARD_LABELS,
    collect: perShard(
      applications,
      (shard) => shard.voice.table,
      ({ owners }) => owners,
    ),
  });
  counter(
    'shardmux_voice_joins_total',
    'Commands that join, move or mute in voice, handed to Discord; each makes its session the owner.',
    ({ joins }) => joins,
  );
  counter(
    'shardmux_voice_answers_total',
    'VOICE_SERVER_UPDATEs given from memory to sessions that joined the channel in which the bot was already.',
    ({ answers }) => answers,
  );
  metrics.observedCounter({
    name: 'shardmux_voice_releases_total',
    help: 'Guilds whose voice events go to everybody again: the bot left voice, or the guild; the session ended, or did not come back; Discord began a new session.',
    labels: [...SHARD_LABELS, 'reason'],
    collect: (set) => {
      for (const reason of RELEASE_REASONS) {
        const read = ({ releases }: VoiceCounts) => releases.get(reason);
        perShard(
          applications,
          (shard) => shard.voice.counts,
          read,
        )((value, labels) => set(value, { ...labels, reason }));
      }
    },
  });
}
