/**
 * The source process: a fake Discord that sends pre-encoded events when the conductor says so. With a number as its argument the bot is
 * in so many guilds.
 */
import { type Choice, encodeEvents, inTurn, makeTemplates } from '../events.ts';
import { fail, type ToSource, type Traffic, tell } from '../messages.ts';
import { startDiscord } from './discord.ts';
import { sendBurst, sendPaced } from './emitter.ts';
import { World } from './world.ts';

const guilds = Number(process.argv[2] ?? 0);
const world = guilds > 0 ? new World(guilds) : undefined;
const templates = inTurn(makeTemplates());
const discord = await startDiscord(fail, world);
let prepared = encodeEvents(templates, 0, 0, 0);
let traffic: Traffic = { events: 0, eventsPerSecond: null };
let eventsSoFar = 0;

/** Those that happen next, or any. */
function chosen(events: number): Choice {
  const happened = world?.happen(events);
  const before = eventsSoFar;
  return happened ? (index) => inTurn(happened)(index - before) : templates;
}

async function send(): Promise<void> {
  const socket = discord.liveSocket();
  if (!socket) return fail('the source was told to send, and nobody is connected and identified');
  const started = performance.now();
  try {
    if (traffic.eventsPerSecond === null) await sendBurst(socket, prepared);
    else await sendPaced(socket, prepared, traffic.eventsPerSecond);
  } catch (error) {
    if (socket.writable) throw error;
    return; // The other side closed; its close event follows and gives the reason.
  }
  tell({ type: 'sent', elapsedMs: performance.now() - started });
}

process.on('disconnect', () => process.exit(0));
process.on('message', (message: ToSource) => {
  if (message.type === 'prepare') {
    traffic = message.traffic;
    const { events } = traffic;
    const firstSequence = discord.firstEventSequence + eventsSoFar;
    prepared = encodeEvents(chosen(events), events, firstSequence, eventsSoFar);
    eventsSoFar += traffic.events;
    tell({ type: 'prepared' });
    return;
  }
  send().catch((error: unknown) => fail(`the source failed: ${error}`));
});
tell({ type: 'listening', port: discord.port });
