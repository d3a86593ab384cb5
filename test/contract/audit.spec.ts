import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { onTestFinished } from 'vitest';
import { openEmbedded } from '#drivers';
import { encodeSnapshot } from '#wire';
import { auditContract } from './audit.contract.ts';

auditContract('embedded', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'fuseboard-audit-'));
  const drivers = openEmbedded({ dataDir });
  onTestFinished(async () => {
    await drivers.close();
    rmSync(dataDir, { recursive: true });
  });
  const write = (sql: string, ...values: (string | number | Uint8Array)[]): void => {
    const sqlite = new DatabaseSync(join(dataDir, 'fuseboard.sqlite'), { timeout: 5_000 });
    sqlite.prepare(sql).run(...values);
    sqlite.close();
  };
  return {
    drivers,
    env: { FUSEBOARD_DATA_DIR: dataDir },
    tamper: async (_, snapshot) => write('UPDATE snapshots SET value = ? WHERE upstream = ?', encodeSnapshot(snapshot), snapshot.upstream),
    cut: async (_, before) => write('DELETE FROM log WHERE offset < ?', before),
    release: () => drivers.close(),
  };
});
