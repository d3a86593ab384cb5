import { feedContract } from './driver.contract.ts';
import { consoleHarness } from './console-harness.ts';

feedContract(consoleHarness);
