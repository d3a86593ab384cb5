/** Its policy as it was written, and what was said about it: by whom, when, why, and what differed. */
import { useState } from 'preact/hooks';
import type { Breaker } from '../live/breaker.ts';
import { store } from '../live/store.ts';
import { useAsked, type Asked } from '../shared/ask.ts';
import { moment } from '../shared/words.ts';

interface Applied {
  readonly version: string;
  readonly document: string;
}

interface PolicyPage {
  readonly policies: readonly Applied[];
}

interface RecordPage {
  readonly records: readonly Said[];
}

interface Said {
  readonly control_offset: number;
  readonly at: string;
  readonly author: string;
  readonly reason: string;
  readonly source: string;
  readonly kind: 'apply' | 'delete' | 'clear' | 'force-open' | 'force-closed';
  readonly version?: string;
  readonly version_before?: string;
  readonly fields?: readonly { readonly path: string; readonly before: string; readonly after: string }[];
  readonly until?: string;
  readonly not_taken?: string;
}

const KINDS: Readonly<Record<Said['kind'], string>> = { apply: 'Applied', delete: 'Deleted', clear: 'Let go', 'force-open': 'Held open', 'force-closed': 'Held closed' };

export function Control({ breaker: { upstream, policy, override, generation } }: { readonly breaker: Breaker }) {
  const asOf = `${store.begun} ${policy?.version} ${override?.control_offset} ${generation}`;
  const name = policy === undefined ? '' : `&namespace=${encodeURIComponent(policy.namespace)}&name=${encodeURIComponent(policy.name)}`;
  const policies = useAsked<PolicyPage>(`/api/v1/policies?kind=UpstreamTrafficSetting&page_size=1${name}`, asOf);
  const records = useAsked<RecordPage>(`/api/v1/breakers/${encodeURIComponent(upstream)}/control?page_size=20`, asOf);
  return (
    <section aria-labelledby="control">
      <h2 id="control">Policy, and what was said about it</h2>
      {policy === undefined ? <p>Its policy was deleted.</p> : <Yaml asked={policies} />}
      {records.kind === 'there' ? <Records records={records.value.records} /> : <p class={records.kind === 'failed' ? 'failed' : ''}>{records.kind === 'failed' ? `What was said can't be shown: ${records.why}.` : 'On its way…'}</p>}
    </section>
  );
}

function Yaml({ asked }: { readonly asked: Asked<PolicyPage> }) {
  if (asked.kind === 'asking') return <p>On its way…</p>;
  if (asked.kind === 'failed') return <p class="failed">The policy can't be shown: {asked.why}.</p>;
  const [found] = asked.value.policies;
  return (
    <details>
      <summary>As it was written{found !== undefined && `, version ${found.version}`}</summary>
      <pre tabIndex={0}>{found?.document ?? 'It is not there any more.'}</pre>
    </details>
  );
}

function Records({ records }: { readonly records: readonly Said[] }) {
  return (
    <ol class="changes">
      {records.map((record) => (
        <Record key={record.control_offset} record={record} />
      ))}
    </ol>
  );
}

function Record({ record: { control_offset, at, author, reason, kind, version, version_before, fields = [], until, not_taken } }: { readonly record: Said }) {
  const nowMs = store.nowMs.peek();
  return (
    <li class="change">
      <p>
        <b>{KINDS[kind]}</b> {moment(Date.parse(at), nowMs)} by {author}: {reason}
        {until !== undefined && `, until ${moment(Date.parse(until), nowMs)}`}
        {not_taken !== undefined && <b> (not taken: {not_taken})</b>}
      </p>
      {version_before !== undefined && fields.length > 0 && (
        <ul class="fields">
          {fields.map(({ path, before, after }) => (
            <li key={path}>
              <code>{path.replace('spec.connectionSettings.http.circuitBreaking.', '')}</code>: <del>{before || 'absent'}</del> → <ins>{after || 'absent'}</ins>
            </li>
          ))}
        </ul>
      )}
      {kind === 'apply' && <Written offset={control_offset} />}
      <p>
        <small>
          control record {control_offset}
          {version !== undefined && `; version ${version}`}
          {version_before !== undefined && `, before it ${version_before}`}
        </small>
      </p>
    </li>
  );
}

/** Asked for when somebody opens it. */
function Written({ offset }: { readonly offset: number }) {
  const [isOpen, setOpen] = useState(false);
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>This version</summary>
      {isOpen && <Document offset={offset} />}
    </details>
  );
}

function Document({ offset }: { readonly offset: number }) {
  const asked = useAsked<Applied>(`/api/v1/control/${offset}/document`, store.begun);
  if (asked.kind === 'asking') return <p>On its way…</p>;
  return asked.kind === 'failed' ? <p class="failed">It can't be shown: {asked.why}.</p> : <pre tabIndex={0}>{asked.value.document}</pre>;
}
