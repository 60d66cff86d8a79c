/** What Discord checks in a command before it answers. */
import { INTENTS } from '../protocol/intents.ts';
import type { Application } from './application.ts';
import { monotonicMs } from './clock.ts';
import type { Guild } from './payloads/guilds.ts';
import type { MemberRequest } from './rules/client-payloads.ts';
import type { Session } from './session.ts';

/** A nonce may have this many bytes; a longer one is ignored. */
const MAX_NONCE_BYTES = 32;

export interface Nonce {
  nonce?: string;
}

/** The guild, where it is this shard's. One that the bot has left meanwhile is no fault of the client's. */
export function guildOf(application: Application, session: Session, guildId: string): Guild | undefined {
  const shard = Number((BigInt(guildId) >> 22n) % BigInt(application.shards.length));
  if (shard !== session.shard) {
    application.violations.add(
      'guild-of-another-shard',
      session.shard,
      `guild ${guildId} is of shard ${shard}`,
    );
    return undefined;
  }
  return application.shard(session.shard).guilds.find(guildId);
}

export function checkedNonce(application: Application, session: Session, nonce: string | undefined): Nonce {
  if (nonce === undefined) return {};
  if (Buffer.byteLength(nonce) <= MAX_NONCE_BYTES) return { nonce };
  application.violations.add('nonce-size', session.shard, `${Buffer.byteLength(nonce)} bytes`);
  return {};
}

/** Whether a member request may be answered; where it comes too soon, RATE_LIMITED is. */
export function admitsMemberRequest(
  application: Application,
  session: Session,
  request: MemberRequest,
  guildId: string,
  nonce: Nonce,
): boolean {
  if (request.query !== '' || request.limit !== 0) return true;
  if ((session.intents & INTENTS.GUILD_MEMBERS) === 0) {
    application.violations.add('member-request-intents', session.shard, 'all members without GUILD_MEMBERS');
    return false;
  }
  const { memberRequests } = application.shard(session.shard);
  const waitMs = memberRequests.admit(guildId, monotonicMs());
  if (waitMs <= 0) return true;
  if (!memberRequests.excuse(guildId)) {
    application.violations.add('member-request-rate', session.shard, `guild ${guildId} again too soon`);
  }
  const meta = { guild_id: guildId, ...nonce };
  const limited = { opcode: 8, retry_after: waitMs / 1000, meta };
  session.dispatch('RATE_LIMITED', JSON.stringify(limited));
  return false;
}
