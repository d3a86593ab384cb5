import { logContract } from './driver.contract.ts';
import { fleetHarness } from './fleet-harness.ts';

logContract(fleetHarness);
