import { defineConfig } from 'vitest/config';

/** Unit specs stand beside their source and are pure; what needs files, processes or services stands under test/. */
export default defineConfig({
  // Vitest hands these on to Node, where `import` would hold for `require` too and break CommonJS packages (is-promise).
  resolve: { conditions: ['source', 'node'] },
  ssr: { resolve: { conditions: ['source', 'node'] } },
  test: {
    include: ['{apps,libs,bench,scripts}/**/*.spec.ts', 'test/**/*.spec.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    allowOnly: false,
  },
});
