/** The fault matrix. */
import type { Row } from './row.ts';
import { INGEST_ENDS } from './rows/ingest-ends.ts';
import { KAFKA_AWAY } from './rows/kafka-away.ts';
import { LIMITS } from './rows/limits.ts';
import { LOG_CHANGES } from './rows/log-changes.ts';
import { PROXIES } from './rows/proxies.ts';
import { RECORDS } from './rows/records.ts';
import { REDIS_AWAY } from './rows/redis-away.ts';
import { REDIS_LINKS } from './rows/redis-links.ts';

export const ROWS: readonly Row[] = [...INGEST_ENDS, ...KAFKA_AWAY, ...REDIS_AWAY, ...REDIS_LINKS, ...LIMITS, ...RECORDS, ...LOG_CHANGES, ...PROXIES];
