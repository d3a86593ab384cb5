/** Figures that a process shows on its admin address. */
import type { Member } from '../support/fleet.ts';

/** The sum of the series of that name whose labels hold all of these, as `answer="ALREADY"`; 0: there is none. */
export async function metric({ admin }: Pick<Member, 'admin'>, name: string, ...labels: readonly string[]): Promise<number> {
  const page = await (await fetch(`http://${admin.host}:${admin.port}/metrics`)).text();
  const lines = page.split('\n').filter((line) => line.startsWith(name) && /^[ {]/.test(line.slice(name.length)));
  return lines.filter((line) => labels.every((label) => line.includes(label))).reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

/** Of several processes together. */
export async function metricOf(members: readonly Pick<Member, 'admin'>[], name: string, ...labels: readonly string[]): Promise<number> {
  const each = await Promise.all(members.map((member) => metric(member, name, ...labels)));
  return each.reduce((sum, value) => sum + value, 0);
}
