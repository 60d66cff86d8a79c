import { ApplicationDirectory, EmbeddedStore } from '../../../src/cluster/index.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { stateDirectory } from '../../support/node.ts';
import type { ClusterEnvironment, ClusterEnvironmentOptions } from './cluster-environment.ts';
import { clusterStoreContract } from './cluster-store-contract.ts';

function fail(error: Error): never {
  throw error;
}

async function environment(options: ClusterEnvironmentOptions): Promise<ClusterEnvironment> {
  const root = stateDirectory();
  // Of now: files have the machine's times.
  const clock = new ManualClock(Date.now());
  const store = new EmbeddedStore({
    clock,
    leaseTtlMs: options.leaseTtlMs,
    directory: new ApplicationDirectory({
      root: root.path,
      applicationId: '100000000000000000',
      maxTailBytes: options.maxTailBytes,
      maxTailAgeMs: options.maxTailAgeMs,
    }),
    maxSessionAgeMs: options.maxTailAgeMs,
    onUnreadable: (path, reason) => fail(new Error(`${path}: ${reason}`)),
    onSlotsError: fail,
  });
  return {
    // One for all: nobody else opens what a node alone keeps.
    openStore: async () => store,
    elapse: async (ms) => clock.advance(ms),
    nowMs: () => clock.now(),
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]();
      root[Symbol.dispose]();
    },
  };
}

clusterStoreContract('embedded', { open: environment, canLoseData: false, canContinue: false });
