import { storeContract } from './driver.contract.ts';
import { fleetHarness } from './fleet-harness.ts';

storeContract(fleetHarness);
