/** Everything that a set of drivers promises. */
import { describe } from 'vitest';
import { commitAnswersContract } from './commit-answers.contract.ts';
import { controlLogContract } from './control-log.contract.ts';
import { deadLettersContract } from './dead-letters.contract.ts';
import { documentFeedContract } from './document-feed.contract.ts';
import type { Harness } from './harness.ts';
import { outcomeLogContract } from './outcome-log.contract.ts';
import { presenceContract } from './presence.contract.ts';
import { outcomeReaderContract } from './outcome-reader.contract.ts';
import { stateFeedContract } from './state-feed.contract.ts';
import { stateStoreModelContract } from './state-store-model.contract.ts';
import { stateStoreContract } from './state-store.contract.ts';
import { transitionLogContract } from './transition-log.contract.ts';

export function driverContract(harness: Harness): void {
  logContract(harness);
  storeContract(harness);
}

export function logContract(harness: Harness): void {
  describe(`drivers: ${harness.name}`, () => {
    outcomeLogContract(harness);
    outcomeReaderContract(harness);
    controlLogContract(harness);
    transitionLogContract(harness);
    deadLettersContract(harness);
  });
}

export function storeContract(harness: Harness): void {
  describe(`drivers: ${harness.name}`, () => {
    commitAnswersContract(harness);
    stateStoreContract(harness);
    stateStoreModelContract(harness);
    presenceContract(harness);
  });
  feedContract(harness);
}

/** What a proxy reads. */
export function feedContract(harness: Harness): void {
  describe(`drivers: ${harness.name}`, () => {
    stateFeedContract(harness);
    documentFeedContract(harness);
  });
}
