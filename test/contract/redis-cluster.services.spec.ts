import { describe } from 'vitest';
import { RedisCluster } from '../support/services/redis-cluster.ts';
import { isLeftOut } from '../support/services/services.ts';
import { storeContract } from './driver.contract.ts';
import { redisHarness } from './redis-harness.ts';

describe.skipIf(isLeftOut('redis-server'))('on a Cluster of three', () => {
  storeContract(redisHarness('Redis Cluster', () => RedisCluster.open()));
});
