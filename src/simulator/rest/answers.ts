/** Answers in Discord's shapes. https://discord.com/developers/docs/reference#error-messages */

export interface Answer {
  status: number;
  /** Sent as JSON; undefined for no body at all. */
  body?: unknown;
  /** For what is no JSON. */
  text?: string;
  headers?: Record<string, string>;
}

/** https://discord.com/developers/docs/topics/opcodes-and-status-codes#json */
export const ErrorCode = {
  General: 0,
  UnknownChannel: 10_003,
  UnknownGuild: 10_004,
  UnknownMember: 10_007,
  UnknownMessage: 10_008,
  UnknownUser: 10_013,
  UnknownEmoji: 10_014,
  UnknownWebhook: 10_015,
  UnknownInteraction: 10_062,
  MaximumEmoji: 30_008,
  AlreadyAcknowledged: 40_060,
  EntityTooLarge: 40_005,
  AlreadyCrossposted: 40_033,
  MissingAccess: 50_001,
  EditOfAnother: 50_005,
  EmptyMessage: 50_006,
  MissingPermissions: 50_013,
  InvalidWebhookToken: 50_027,
  TooOldToBulkDelete: 50_034,
  InvalidForm: 50_035,
  InvalidApiVersion: 50_041,
  InvalidJson: 50_109,
} as const;

export function ok(body: unknown): Answer {
  return { status: 200, body };
}

export const NO_CONTENT: Answer = { status: 204 };

export const NOT_FOUND = error(404, ErrorCode.General, '404: Not Found');
export const WRONG_METHOD = error(405, ErrorCode.General, '405: Method Not Allowed');
export const UNAUTHORIZED = error(401, ErrorCode.General, '401: Unauthorized');
export const TOO_LARGE = error(413, ErrorCode.EntityTooLarge, 'Request entity too large');
export const INVALID_JSON = error(400, ErrorCode.InvalidJson, 'The request body contains invalid JSON.');
export const INVALID_VERSION = error(400, ErrorCode.InvalidApiVersion, 'Invalid API version provided');
export const INVALID_WEBHOOK_TOKEN = error(401, ErrorCode.InvalidWebhookToken, 'Invalid Webhook Token');
export const EMPTY_MESSAGE = error(400, ErrorCode.EmptyMessage, 'Cannot send an empty message');

export const UNKNOWN = {
  channel: error(404, ErrorCode.UnknownChannel, 'Unknown Channel'),
  guild: error(404, ErrorCode.UnknownGuild, 'Unknown Guild'),
  member: error(404, ErrorCode.UnknownMember, 'Unknown Member'),
  message: error(404, ErrorCode.UnknownMessage, 'Unknown Message'),
  user: error(404, ErrorCode.UnknownUser, 'Unknown User'),
  emoji: error(404, ErrorCode.UnknownEmoji, 'Unknown Emoji'),
  webhook: error(404, ErrorCode.UnknownWebhook, 'Unknown Webhook'),
  interaction: error(404, ErrorCode.UnknownInteraction, 'Unknown interaction'),
} as const;

export function error(status: number, code: number, message: string): Answer {
  return { status, body: { message, code } };
}

/** What is wrong with one field of a form. */
export function invalidForm(field: string, code: string, message: string): Answer {
  const errors = { [field]: { _errors: [{ code, message }] } };
  return { status: 400, body: { message: 'Invalid Form Body', code: ErrorCode.InvalidForm, errors } };
}

/** A page of Cloudflare's: HTML, and without `Via`, by which libraries tell it from an answer of Discord's. */
export function cloudflarePage(status: number, retryAfterMs?: number): Answer {
  const reason = status === 429 ? '1015: You are being rate limited' : `${status}: Attention Required!`;
  return {
    status,
    text: `<!doctype html><html><head><title>${reason} | discord.com | Cloudflare</title></head><body>${reason}</body></html>`,
    headers: {
      'content-type': 'text/html; charset=UTF-8',
      server: 'cloudflare',
      'cf-ray': '0000000000000000-SIM',
      ...(retryAfterMs === undefined ? {} : { 'retry-after': String(Math.ceil(retryAfterMs / 1_000)) }),
    },
  };
}
