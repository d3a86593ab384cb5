/** The fault matrix. */
import type { Row } from './row.ts';
import { INGEST_ENDS } from './rows/ingest-ends.ts';

export const ROWS: readonly Row[] = [...INGEST_ENDS];
