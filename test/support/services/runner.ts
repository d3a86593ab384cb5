/** Runs `*.services.spec.ts`. Where there are no services it doesn't load them, and has one test in place of each file. */
import { expect, inject, test, TestRunner } from 'vitest';
import './services.ts';

export default class ServicesRunner extends TestRunner {
  override importFile(...[path, source]: Parameters<TestRunner['importFile']>): unknown {
    const given = inject('services');
    if (source !== 'collect' || !('missing' in given)) return super.importFile(path, source);
    return void test('has Kafka and Redis', ({ skip }) => {
      skip(given.mayBeSkipped, given.missing);
      expect.fail(given.missing);
    });
  }
}
