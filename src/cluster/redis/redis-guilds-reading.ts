/** Reads what Redis has of a shard's guilds: the checkpoint and the names at once, the guilds in pieces. */
import type { GuildCheckpoint, StoredGuild, StoredGuilds } from '../../guilds/index.ts';
import { reasonOf } from '../../runtime/reason-of.ts';
import { decodeCheckpoint } from '../guild-checkpoint.ts';
import { StoredGuildsReplacedError } from '../ports.ts';
import type { RedisConnections } from './connections.ts';
import { GuildSizes, type GuildsPosition } from './guilds-position.ts';

/** Redis is busy with a piece for less than a millisecond. */
const READ_BYTES = 256 * 1024;

/** Small ones, in a piece. */
const MAX_GUILDS_PER_READ = 200;

/** What a guild's pending field begins with. */
const SEQUENCE = /^(\d{1,16}) /;

/** Longer than any sequence. */
const MAX_SEQUENCE_BYTES = 17;

export interface GuildsReadingContext {
  readonly connections: RedisConnections;
  readonly key: string;
  readonly position: GuildsPosition;
  readonly onUnreadable: (key: string, reason: string) => void;
}

type LoadedGuild = StoredGuild & { readonly body: Buffer };

/** As the headers of the scripts say. */
type LoadReply = readonly [generation: Buffer, revision: Buffer, checkpoint: Buffer, ...fields: Buffer[]];
type ReadReply = readonly [generation: Buffer, revision: Buffer, ...guilds: Buffer[]];

/** `undefined` where nothing is stored, or it can't be understood, which is told. */
export async function loadGuilds(context: GuildsReadingContext): Promise<StoredGuilds | undefined> {
  const { connections, key, onUnreadable } = context;
  const writes = context.position.writes;
  const reply = await connections.runForBytes('load-guilds', [key], []);
  if (!Array.isArray(reply) || reply.length === 0) return undefined;
  // The script's header says so.
  const [generation, revision, bytes, ...fields] = reply as unknown as LoadReply;
  let checkpoint: GuildCheckpoint;
  try {
    checkpoint = decodeCheckpoint(bytes);
  } catch (error) {
    onUnreadable(key, reasonOf(error));
    return undefined;
  }
  const names = fields.map(String).filter((field) => field.startsWith('p'));
  const begun = { generation: String(generation), revision: String(revision), writes };
  return {
    checkpoint,
    guilds: readAll(
      context,
      begun,
      names.map((name) => name.slice(1)),
    ),
  };
}

interface Begun {
  readonly generation: string;
  readonly revision: string;
  /** Of this member, until then. */
  readonly writes: number;
}

async function* readAll(
  { connections, key, position, onUnreadable }: GuildsReadingContext,
  begun: Begun,
  guildIds: readonly string[],
): AsyncGenerator<readonly LoadedGuild[]> {
  const sizes = new GuildSizes();
  let isUnchanged = true;
  for (let from = 0; from < guildIds.length; ) {
    const asked = guildIds.slice(from, from + MAX_GUILDS_PER_READ);
    // The script's header says so.
    const reply = (await connections.runForBytes('read-guilds', [key], [READ_BYTES, ...asked])) as ReadReply;
    const [generation, revision, ...fields] = reply;
    if (String(generation) !== begun.generation) {
      throw new StoredGuildsReplacedError('the stored guilds were begun anew, or lost, while they were read');
    }
    isUnchanged &&= String(revision) === begun.revision;
    const { guilds, unreadable } = guildsOf(asked, fields);
    for (const guild of guilds) sizes.put(guild);
    for (const guildId of unreadable) {
      onUnreadable(key, `what is stored of guild ${guildId} is not one`);
      // So that it is forgotten with the others.
      sizes.put({ guildId, sequence: 0, body: undefined, pending: Buffer.alloc(0) });
    }
    yield guilds;
    from += fields.length / 2;
  }
  if (isUnchanged && position.writes === begun.writes) position.afterRead(begun.revision, sizes);
}

/** Pure. `fields`: of the first of those asked for, two each; empty of one that is gone. */
export function guildsOf(
  asked: readonly string[],
  fields: readonly Buffer[],
): { readonly guilds: readonly LoadedGuild[]; readonly unreadable: readonly string[] } {
  const guilds: LoadedGuild[] = [];
  const unreadable: string[] = [];
  for (let index = 0; index * 2 + 1 < fields.length; index++) {
    const [guildId, field, body] = [asked[index], fields[index * 2], fields[index * 2 + 1]];
    if (guildId === undefined || !field || !body || field.length + body.length === 0) continue;
    const sequence = SEQUENCE.exec(field.toString('latin1', 0, MAX_SEQUENCE_BYTES));
    if (!sequence) {
      unreadable.push(guildId);
      continue;
    }
    const pending = field.subarray(sequence[0].length);
    guilds.push({ guildId, sequence: Number(sequence[1]), body: ownCopy(body), pending: ownCopy(pending) });
  }
  return { guilds, unreadable };
}

/** Without what else is in a reply, which would stay in memory with it. */
function ownCopy(view: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(view.length);
  view.copy(copy);
  return copy;
}
