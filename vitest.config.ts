import { defineConfig } from 'vitest/config';

/** The stock libraries that they need are brought by their own set-up, which runs only when they do. */
const CLIENTS = 'test/clients/**/*.test.ts';

export default defineConfig({
  test: {
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // Two workers: the tests start real processes of their own, and the usual machine for them has two cores.
    maxWorkers: 2,
    pool: 'forks',
    reporters: process.env['CI'] ? ['default', ['json', { outputFile: 'test-results.json' }]] : ['default'],
    projects: [
      {
        extends: true,
        test: { name: 'main', include: ['test/**/*.test.ts'], exclude: [CLIENTS, '**/node_modules/**'] },
      },
      {
        extends: true,
        test: { name: 'clients', include: [CLIENTS], globalSetup: 'test/clients/install.ts' },
      },
    ],
  },
});
