/** What is read of the payloads that steer a session. Pure. What the library is handed must be of their shape: it checks nothing. */

export interface ReadyPayload {
  readonly sessionId: string;
  readonly resumeUrl: string;
  readonly d: Readonly<Record<string, unknown>>;
}

/** A READY's `d`, or `undefined` where it is none that a session can be kept of. */
export function readReady(payload: string): ReadyPayload | undefined {
  const d = dOf(payload);
  if (typeof d !== 'object' || d === null) return undefined;
  const { session_id: sessionId, resume_gateway_url: resumeUrl } = d as Record<string, unknown>;
  if (typeof sessionId !== 'string' || typeof resumeUrl !== 'string' || !isGatewayUrl(resumeUrl))
    return undefined;
  return { sessionId, resumeUrl, d: d as Record<string, unknown> };
}

export function isHello(payload: string): boolean {
  const d = dOf(payload);
  if (typeof d !== 'object' || d === null) return false;
  const { heartbeat_interval: intervalMs } = d as { heartbeat_interval?: unknown };
  return typeof intervalMs === 'number' && intervalMs > 0;
}

/** Anything else would make `ws` throw where the library does not catch it. */
export function isGatewayUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hash } = new URL(text);
  return (protocol === 'ws:' || protocol === 'wss:') && hash === '' && !text.endsWith('#');
}

function dOf(payload: string): unknown {
  try {
    return (JSON.parse(payload) as { d?: unknown }).d;
  } catch {
    return undefined;
  }
}
