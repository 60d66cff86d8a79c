/** What this node needs to speak with the others: one key made from the cluster secret. */
import type { Secret } from '../../config/index.ts';
import { askHeldShards, PeerHeaders, PeerRelay, relayKey } from '../../routing/index.ts';
import { systemClock } from '../../runtime/clock.ts';
import type { Peers } from '../../workers/index.ts';

export interface PeerLinks extends Pick<Peers, 'nodeId' | 'relay' | 'readHeader'> {
  /** The shards that the node at `address` holds, with their epochs. Rejects where it does not say. */
  askHeldShards(address: string, applicationId: string): Promise<ReadonlyMap<number, number>>;
}

/** Short: a shard waits for it, and a node that hangs must not hold up the answers of the others. */
const QUESTION_TIMEOUT_MS = 500;

export function peerLinks(secret: Secret, nodeId: string): PeerLinks {
  const clock = systemClock;
  const identity = { key: relayKey(secret.reveal()), nodeId };
  const headers = new PeerHeaders(identity);
  return {
    nodeId,
    relay: new PeerRelay({ ...identity, clock }),
    readHeader: (request) => headers.read(request),
    askHeldShards: (address, applicationId) =>
      askHeldShards({ ...identity, address, applicationId, timeoutMs: QUESTION_TIMEOUT_MS, clock }),
  };
}
