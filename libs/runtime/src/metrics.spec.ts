import { describe, expect, it } from 'vitest';
import type { Tally } from '#engine';
import { OTHER, UPSTREAM_LABELS_MAX } from './bounded-label.ts';
import { Metrics } from './metrics.ts';

const NONE: Tally = { counted: 0, whileOpen: 0, unknown: 0, repeat: 0, late: 0, stale: 0, otherIncarnation: 0, future: 0, mark: 0, forgedMark: 0, dead: 0, misrouted: 0 };

function metrics(nowMs?: () => number): Metrics {
  return new Metrics({ process: 'ingest', version: '1.2.3', instance: 'a', processFigures: false }, nowMs);
}

describe('metrics', () => {
  it('begin at zero where an alert waits for them to grow', async () => {
    const text = await metrics().registry.metrics();
    const series = ['fuseboard_outcomes_total{fate="late"}', 'fuseboard_marks_total{kind="forged"}', 'fuseboard_dead_letters_total', 'fuseboard_commits_total{answer="error",group="ingest"}', 'fuseboard_log_losses_total{kind="cut",handling="cold"}', 'fuseboard_reports_dropped_total'];
    for (const each of series) expect(text).toContain(`${each} 0\n`);
  });

  it('show each fate of an outcome, marks and dead letters apart', async () => {
    const own = metrics();
    own.folded({ ...NONE, counted: 7, whileOpen: 2, stale: 1, mark: 3, forgedMark: 1, dead: 4 });
    own.folded({ ...NONE, counted: 1 });
    const text = await own.registry.metrics();
    expect(text).toContain('fuseboard_outcomes_total{fate="counted"} 8');
    expect(text).toContain('fuseboard_outcomes_total{fate="while-open"} 2');
    expect(text).toContain('fuseboard_outcomes_total{fate="stale"} 1');
    expect(text).toContain('fuseboard_outcomes_total{fate="late"} 0');
    expect(text).toContain('fuseboard_marks_total{kind="mark"} 3');
    expect(text).toContain('fuseboard_marks_total{kind="forged"} 1');
    expect(text).toContain('fuseboard_dead_letters_total 4');
  });

  it('show transitions, commit answers, calls by answer, overflows and lost reports', async () => {
    const own = metrics();
    own.transition({ upstream: 'a', to: 'open', cause: { kind: 'outcome', partition: 0, offset: 1 } });
    own.commit('OK', 'ingest');
    own.commit('error', 'ingest');
    own.call('degraded', 'a');
    own.call('unknown-host');
    own.overflow('a', 'pending');
    own.reportsDropped(5);
    const text = await own.registry.metrics();
    expect(text).toContain('fuseboard_transitions_total{upstream="a",to="open",cause="outcome"} 1');
    expect(text).toContain('fuseboard_commits_total{answer="OK",group="ingest"} 1');
    expect(text).toContain('fuseboard_commits_total{answer="error",group="ingest"} 1');
    expect(text).toContain('fuseboard_calls_total{upstream="a",answer="degraded"} 1');
    expect(text).toContain('fuseboard_calls_total{upstream="",answer="unknown-host"} 1');
    expect(text).toContain('fuseboard_call_overflows_total{upstream="a",limit="pending"} 1');
    expect(text).toContain('fuseboard_reports_dropped_total 5');
  });

  it('show the age of each partition\'s states as it is when they are asked', async () => {
    let now = 1_000;
    const own = metrics(() => now);
    own.statesHeard(0, 1_000);
    now = 3_500;
    expect(await own.registry.metrics()).toContain('fuseboard_state_age_seconds{partition="0"} 2.5');
  });

  it('say which build this is', async () => {
    expect(await metrics().registry.metrics()).toContain(`fuseboard_build_info{version="1.2.3",node="${process.version}",process="ingest",instance="a"} 1`);
  });

  it('grow no further than so many upstreams', async () => {
    const own = metrics();
    for (let index = 0; index < UPSTREAM_LABELS_MAX + 10; index += 1) own.call('upstream', `host-${index}`);
    const text = await own.registry.metrics();
    expect(text).toContain(`fuseboard_calls_total{upstream="${OTHER}",answer="upstream"} 10`);
    expect(text.match(/^fuseboard_calls_total\{/gm)).toHaveLength(UPSTREAM_LABELS_MAX + 1);
  });
});
