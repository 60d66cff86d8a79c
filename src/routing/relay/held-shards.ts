/** Asks another node which shards it holds, for when the store can't be asked. The answer is workers/http-answers.ts. */
import { get, type IncomingMessage } from 'node:http';
import type { Clock } from '../../runtime/clock.ts';
import { type PeerIdentity, signPeerRequest } from './peer-header.ts';

export interface HeldShardsQuestion extends PeerIdentity {
  /** `host:port` of the other node's worker port. */
  readonly address: string;
  readonly applicationId: string;
  readonly timeoutMs: number;
  readonly clock: Clock;
}

/** The other node gave no answer that can be used; the message says why. */
export class PeerQuestionError extends Error {
  override readonly name = 'PeerQuestionError';
}

/** Some 20 bytes a shard. */
const MAX_ANSWER_BYTES = 1024 * 1024;

/** The epochs of the shards that the node holds, by shard id. Throws `PeerQuestionError`. */
export async function askHeldShards(question: HeldShardsQuestion): Promise<Map<number, number>> {
  const { address, applicationId, timeoutMs, clock } = question;
  const path = `/cluster/applications/${applicationId}/shards`;
  const abort = new AbortController();
  using _timer = clock.setTimer(() => abort.abort(), timeoutMs);
  try {
    const headers = signPeerRequest(question, path);
    return readAnswer(await request(`http://${address}${path}`, headers, abort.signal));
  } catch (cause) {
    const why = abort.signal.aborted ? `no answer within ${timeoutMs} ms` : (cause as Error).message;
    throw new PeerQuestionError(`${address} does not say which shards it holds: ${why}`, { cause });
  }
}

async function request(url: string, headers: Record<string, string>, signal: AbortSignal): Promise<string> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get(url, { headers, signal, agent: false }, resolve).on('error', reject);
  });
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) throw new Error(`it answered with more than ${MAX_ANSWER_BYTES} bytes`);
    chunks.push(chunk);
  }
  if (response.statusCode !== 200) throw new Error(`it answered with HTTP ${response.statusCode}`);
  return Buffer.concat(chunks).toString('utf8');
}

function readAnswer(text: string): Map<number, number> {
  const { shards } = JSON.parse(text) as { shards?: unknown };
  if (typeof shards !== 'object' || shards === null) throw new Error('it answered without shards');
  const held = new Map<number, number>();
  for (const [shardId, epoch] of Object.entries(shards)) {
    if (!/^\d{1,6}$/.test(shardId) || !Number.isSafeInteger(epoch)) {
      throw new Error('it answered with what is no shard or no epoch');
    }
    held.set(Number(shardId), epoch as number);
  }
  return held;
}
