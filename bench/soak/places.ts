/** The channels and guilds that are asked for, each with a message of the bot's: made before the run, at Discord's own address. */
import { setTimeout as sleep } from 'node:timers/promises';
import { SIMULATOR_TOKEN } from '../../src/simulator/index.ts';
import type { SimulatorPart } from '../deployment/simulator.ts';
import type { Place } from './kinds.ts';

/** Longer than the global limit's second: the run begins with all that it allows. */
const SECOND_MS = 1_100;

/** Two requests each. */
export async function makePlaces(
  simulator: SimulatorPart,
  count: number,
  globalLimit: number,
): Promise<Place[]> {
  const channels = (await simulator.channels(0)).slice(0, count);
  const atATime = Math.max(1, Math.floor(globalLimit / 2));
  const places: Place[] = [];
  for (let at = 0; at < channels.length; at += atATime) {
    const some = channels.slice(at, at + atATime);
    places.push(...(await Promise.all(some.map((channelId) => makePlace(simulator.url, channelId)))));
    await sleep(SECOND_MS);
  }
  return places;
}

async function makePlace(url: string, channelId: string): Promise<Place> {
  const channel = await ask(`${url}/api/v10/channels/${channelId}`, {});
  const message = await ask(`${url}/api/v10/channels/${channelId}/messages`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ content: 'to be edited' }),
  });
  const { id: botId } = message['author'] as { id: string };
  return { channelId, guildId: String(channel['guild_id']), messageId: String(message['id']), botId };
}

async function ask(url: string, { headers, ...request }: RequestInit): Promise<Record<string, unknown>> {
  const authorization = `Bot ${SIMULATOR_TOKEN}`;
  const response = await fetch(url, {
    ...request,
    headers: { ...headers, authorization, 'user-agent': 'DiscordBot (https://example.org, 1.0)' },
  });
  if (!response.ok) throw new Error(`the simulated Discord answered ${url} with ${response.status}`);
  return (await response.json()) as Record<string, unknown>;
}
