/** The test services themselves: what every other `*.services.spec.ts` relies on. */
import { describe, expect, test } from 'vitest';
import { kafkaAnswers, redisAnswers } from '../support/services/answers.ts';
import { services } from '../support/services/services.ts';

describe('the services of a run', () => {
  test('Kafka answers', async () => {
    await expect(kafkaAnswers(services().kafkaBrokers)).resolves.toBeUndefined();
  });
  test('Redis answers', async () => {
    await expect(redisAnswers(services().redisUrl)).resolves.toBeUndefined();
  });
});
