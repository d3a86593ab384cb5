import { driverContract } from './driver.contract.ts';
import { embeddedInMemory, embeddedOnDisk } from './embedded-harness.ts';

driverContract(embeddedOnDisk);
driverContract(embeddedInMemory);
