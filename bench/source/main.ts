/** The source process: a fake Discord that sends pre-encoded events when the conductor says so. */
import { encodeEvents, makeTemplates } from '../events.ts';
import { fail, type ToSource, type Traffic, tell } from '../messages.ts';
import { FIRST_EVENT_SEQUENCE, startDiscord } from './discord.ts';
import { sendBurst, sendPaced } from './emitter.ts';

const templates = makeTemplates();
const discord = await startDiscord(fail);
let prepared = encodeEvents(templates, 0, 0, 0);
let traffic: Traffic = { events: 0, eventsPerSecond: null };
let eventsSoFar = 0;

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
    prepared = encodeEvents(templates, traffic.events, FIRST_EVENT_SEQUENCE + eventsSoFar, eventsSoFar);
    eventsSoFar += traffic.events;
    tell({ type: 'prepared' });
    return;
  }
  send().catch((error: unknown) => fail(`the source failed: ${error}`));
});
tell({ type: 'listening', port: discord.port });
