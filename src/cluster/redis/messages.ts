/** Messages between nodes as text. What can't be understood (another version's, or a check of access) is passed over. Pure. */
import type { ClusterMessage } from '../ports.ts';

export function encodeMessage(message: ClusterMessage): string {
  return JSON.stringify(message);
}

export function decodeMessage(text: string): ClusterMessage | undefined {
  let message: unknown;
  try {
    message = JSON.parse(text);
  } catch {
    return undefined;
  }
  return isMessage(message) ? message : undefined;
}

function isMessage(value: unknown): value is ClusterMessage {
  if (typeof value !== 'object' || value === null) return false;
  const { from, kind, shardId, to, incarnation, epoch } = value as Record<string, unknown>;
  if (typeof from !== 'string') return false;
  if (kind === 'changed') return true;
  if (typeof shardId !== 'number' || typeof to !== 'string') return false;
  if (kind === 'passed') return typeof epoch === 'number' && typeof incarnation === 'string';
  return kind === 'offer' || kind === 'prepared' || kind === 'taught';
}
