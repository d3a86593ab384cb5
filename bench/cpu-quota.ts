/** A share of a core for each of some processes, by a control group of Linux (version 1 or 2), so that one machine can hold several that are each busy. */
import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const PERIOD_US = 20_000;
const V2 = '/sys/fs/cgroup';
const V1 = '/sys/fs/cgroup/cpu';

/** Whether it can be had here. */
export function canLimitCpu(): boolean {
  try {
    limitCpu(process.pid, 64)();
    return true;
  } catch {
    return false;
  }
}

/** @returns undoes it; a process that has ended is in no group */
export function limitCpu(pid: number, cores: number): () => void {
  const isV1 = existsSync(join(V1, 'cpu.cfs_quota_us')) || existsSync(join(V1, 'cgroup.procs'));
  const root = isV1 ? V1 : V2;
  const group = join(root, `fuseboard-bench-${pid}`);
  mkdirSync(group, { recursive: true });
  const quotaUs = Math.round(cores * PERIOD_US);
  if (isV1) {
    writeFileSync(join(group, 'cpu.cfs_period_us'), `${PERIOD_US}`);
    writeFileSync(join(group, 'cpu.cfs_quota_us'), `${quotaUs}`);
  } else {
    writeFileSync(join(group, 'cpu.max'), `${quotaUs} ${PERIOD_US}`);
  }
  writeFileSync(join(group, 'cgroup.procs'), `${pid}`);
  return () => {
    if (existsSync(`/proc/${pid}`)) writeFileSync(join(root, 'cgroup.procs'), `${pid}`);
    rmdirSync(group);
  };
}
