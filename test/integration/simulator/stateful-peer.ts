/** Peers of a simulator that knows the true state of its guilds. Not a test itself. */
import { INTENTS } from '../../../src/protocol/intents.ts';
import type { Simulator, SimulatorOptions } from '../../../src/simulator/index.ts';
import { eventually } from '../../support/eventually.ts';
import { type Payload, Peer, smallSimulator } from './peer.ts';

export function stateful(options: Partial<SimulatorOptions> = {}): Promise<Simulator> {
  return smallSimulator({ guildState: true, identifyIntervalMs: 0, ...options });
}

/** A peer that has READY and as many GUILD_CREATEs. */
export async function peerWith(simulator: Simulator, intents: number, change = {}): Promise<Peer> {
  const peer = await new Peer(simulator).opened();
  peer.identify({ intents, ...change });
  await peer.next('READY');
  if ((intents & INTENTS.GUILDS) !== 0) await peer.next('GUILD_CREATE', simulator.options.guilds);
  return peer;
}

export async function caughtUp(simulator: Simulator, peer: Peer): Promise<Payload[]> {
  await eventually(() => peer.lastSequence === simulator.shardState(0).sequence);
  return peer.dispatches;
}
