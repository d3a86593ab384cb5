/** Who sent what about this upstream lately: the proxies and producers whose callers are hit. */
import { store } from '../live/store.ts';
import { amount, share, span } from '../shared/words.ts';
import type { RecentOutcomes } from './outcomes.ts';

export function Reporters({ recent, spanMs }: { readonly recent: RecentOutcomes; readonly spanMs: number }) {
  if (recent.reporters.length === 0) return <p>Nobody reported anything in the last {span(spanMs)}.</p>;
  return (
    <div class="wide" tabIndex={0} role="region" aria-label="Reporters">
      <table>
        <thead>
          <tr>
            <th scope="col">Reporter</th>
            <th scope="col" class="number">Calls</th>
            <th scope="col" class="number">Errors</th>
            <th scope="col" class="number">Slow</th>
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
              <td>{span(store.nowMs.value - Date.parse(last_at))} ago</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
