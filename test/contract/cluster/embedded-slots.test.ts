import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EmbeddedIdentifySlots, IdentifySlotsFile } from '../../../src/cluster/index.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { stateDirectory } from '../../support/node.ts';
import { type IdentifySlotsEnvironmentOptions, identifySlotsContract } from './identify-slots-contract.ts';

function environment(
  { intervalMs }: IdentifySlotsEnvironmentOptions,
  file: IdentifySlotsFile | undefined,
  close: () => void,
) {
  const clock = new ManualClock(1_000_000);
  const slots = new EmbeddedIdentifySlots({ clock, intervalMs, ...(file && { file }) });
  return {
    // One for all: nobody else opens what a node alone keeps.
    slots: () => slots,
    elapse: async (ms: number) => clock.advance(ms),
    [Symbol.asyncDispose]: async () => close(),
  };
}

identifySlotsContract('in memory', async (options) => environment(options, undefined, () => undefined));

identifySlotsContract('in a file', async (options) => {
  const directory = stateDirectory();
  // Torn: where there is no file, it is known that no bucket was used.
  writeFileSync(join(directory.path, 'identify-slots.json'), '');
  const file = new IdentifySlotsFile(directory.path, (error) => {
    throw error;
  });
  return environment(options, file, () => directory[Symbol.dispose]());
});
