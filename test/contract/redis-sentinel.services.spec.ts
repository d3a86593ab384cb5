import { describe } from 'vitest';
import { RedisSentinels } from '../support/services/redis-sentinels.ts';
import { isLeftOut } from '../support/services/services.ts';
import { storeContract } from './driver.contract.ts';
import { redisHarness } from './redis-harness.ts';

describe.skipIf(isLeftOut('redis-server'))('by three Sentinels', () => {
  storeContract(redisHarness('Redis Sentinel', () => RedisSentinels.open()));
});
