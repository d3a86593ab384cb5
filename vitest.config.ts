import { defineConfig } from 'vitest/config';

const NEEDS_SERVICES = '{apps,libs,bench,test}/**/*.services.spec.ts';

/** Unit specs stand beside their source and are pure; what needs files, processes or services stands under test/. */
export default defineConfig({
  // Vitest hands these on to Node, where `import` would hold for `require` too and break CommonJS packages (is-promise).
  resolve: { conditions: ['source', 'node'] },
  ssr: { resolve: { conditions: ['source', 'node'] } },
  test: {
    testTimeout: 30_000,
    hookTimeout: 60_000,
    allowOnly: false,
    projects: [
      {
        extends: true,
        test: { name: 'plain', include: ['{apps,libs,bench,scripts}/**/*.spec.ts', 'test/**/*.spec.ts'], exclude: [NEEDS_SERVICES, '**/node_modules/**'] },
      },
      // Kafka and Redis are started when one of these is among what is run, and only then.
      { extends: true, test: { name: 'services', include: [NEEDS_SERVICES], globalSetup: ['test/support/services/global-setup.ts'] } },
    ],
  },
});
