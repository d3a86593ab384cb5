/** The fault matrix. */
import type { Row } from './row.ts';
import { INGEST_ENDS } from './rows/ingest-ends.ts';
import { REDIS_AWAY } from './rows/redis-away.ts';

export const ROWS: readonly Row[] = [...INGEST_ENDS, ...REDIS_AWAY];
