/** Who sent what about this upstream lately, and who refuses its calls: the proxies and producers whose callers are hit. */
import { store } from '../live/store.ts';
import { amount, plural, share, span } from '../shared/words.ts';
import type { RecentOutcomes } from './outcomes.ts';

interface ReportersProps {
  readonly upstream: string;
  readonly recent: RecentOutcomes;
  readonly spanMs: number;
}

export function Reporters({ upstream, recent, spanMs }: ReportersProps) {
  const hit = store.hits.value.get(upstream);
  const refused = new Map(hit?.most);
  const silent = [...refused.keys()].filter((proxy) => !recent.reporters.some(({ reporter }) => reporter === proxy));
  if (recent.reporters.length === 0 && hit === undefined) return <p>Nobody reported anything in the last {span(spanMs)}.</p>;
  return (
    <div class="wide" tabIndex={0} role="region" aria-label="Reporters">
      <table>
        <thead>
          <tr>
            <th scope="col">Reporter</th>
            <th scope="col" class="number">Calls</th>
            <th scope="col" class="number">Errors</th>
            <th scope="col" class="number">Slow</th>
            <th scope="col" class="number">Refused in a minute</th>
            <th scope="col">Last</th>
          </tr>
        </thead>
        <tbody>
          {recent.reporters.map(({ reporter, calls, errors, slow, last_at }) => (
            <tr key={reporter}>
              <th scope="row">{reporter}</th>
              <td class="number">{amount(calls)}</td>
              <td class="number">
                {amount(errors)} ({share(errors, calls)})
              </td>
              <td class="number">
                {amount(slow)} ({share(slow, calls)})
              </td>
              <td class="number">{amount(refused.get(reporter) ?? 0)}</td>
              <td>{span(store.nowMs.value - Date.parse(last_at))} ago</td>
            </tr>
          ))}
          {silent.map((proxy) => (
            <tr key={proxy}>
              <th scope="row">{proxy}</th>
              <td class="number">0</td>
              <td class="number">0</td>
              <td class="number">0</td>
              <td class="number">{amount(refused.get(proxy) ?? 0)}</td>
              <td>–</td>
            </tr>
          ))}
        </tbody>
      </table>
      {hit !== undefined && (
        <p>
          <b>{plural(hit.calls, 'call')}</b> {hit.calls === 1 ? 'was' : 'were'} refused in the last minute, at {plural(hit.proxies, 'proxy', 'proxies')}
          {hit.proxies > hit.most.length && `; above are the ${hit.most.length} that refused most`}.
        </p>
      )}
    </div>
  );
}
