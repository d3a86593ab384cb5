import { services } from '../support/services/services.ts';
import { feedContract, storeContract } from './driver.contract.ts';
import { fleetHarness } from './fleet-harness.ts';
import { redisHarness } from './redis-harness.ts';

// Of the store the logs know nothing: topics for each of its tests would take most of their time.
storeContract(redisHarness('Redis', async () => ({ url: services().redisUrl, close: async () => {} })));
feedContract(fleetHarness);
