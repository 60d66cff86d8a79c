/** What `lua/load-tail.lua` replies, as the port has it. Pure. */
import type { TailChunk } from '../../log/index.ts';
import { decodeRecords } from '../embedded/tail-record.ts';
import type { StoredTail } from '../ports.ts';
import { decodeBase } from './tail-base.ts';

const NOTHING: StoredTail = { position: { generation: '', sequence: 0 }, isContinuation: false, parts: [] };

type Reply = readonly [
  generation: Buffer,
  lastSequence: Buffer,
  base: Buffer,
  isContinuation: Buffer,
  beginsAfter: Buffer,
  ...records: Buffer[],
];

/** `reply`: the script's, with bytes in place of strings. Throws where the base is not what was written. */
export function readStoredTail(reply: unknown): StoredTail {
  if (!Array.isArray(reply) || reply.length === 0) return NOTHING;
  // The script's header says so.
  const [generation, lastSequence, base, isContinuation, beginsAfter, ...records] = reply as unknown as Reply;
  const chunks = records.flatMap((record): TailChunk[] =>
    [...decodeRecords(record)].flatMap((read) => (read.kind === 'chunk' ? [read.chunk] : [])),
  );
  return {
    position: { generation: String(generation), sequence: Number(lastSequence) },
    isContinuation: String(isContinuation) === '1',
    parts: [{ base: { ...decodeBase(base), sequence: Number(beginsAfter) }, chunks }],
  };
}
