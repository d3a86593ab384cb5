/** Files: places of problems, what belongs together, and texts that try to harm. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { problemText, readDirectory, readDocuments } from './file.ts';
import { FILE_BYTES_MAX } from './yaml-source.ts';

const POLICY = `apiVersion: policy.openservicemesh.io/v1alpha1
kind: UpstreamTrafficSetting
metadata:
  name: http-circuit-breaking
  namespace: circuit-breaking
spec:
  host: fortio.circuit-breaking.svc.cluster.local
  connectionSettings:
    http:
      circuitBreaking:
        statTimeWindow: 1m
        errorAmountThreshold: 100
`;
const UPSTREAM = `apiVersion: fuseboard.dev/v1
kind: Upstream
metadata: { name: fortio, namespace: circuit-breaking }
spec:
  host: fortio.circuit-breaking.svc.cluster.local
  targets: ["127.0.0.1:8079"]
  port: 8080
  protocol: http
  listen: 127.0.0.1:18080
`;

const read = (text: string) => readDocuments(text, 'shop.yaml');
function problems(text: string): readonly string[] {
  const reading = read(text);
  return 'problems' in reading ? reading.problems.map(problemText) : [];
}
function names(text: string): readonly string[] {
  const reading = read(text);
  return 'documents' in reading ? reading.documents.map(({ kind, name }) => `${kind}/${name}`) : problems(text);
}

test('several documents of a file are read, empty ones passed over', () => {
  expect(names(`# head\n---\n${POLICY}---\n---\n${UPSTREAM}...\n`)).toEqual(['UpstreamTrafficSetting/http-circuit-breaking', 'Upstream/fortio']);
  expect(names('')).toEqual([]);
  expect(names('# nothing\n---\n')).toEqual([]);
});

test('JSON is read as what it is, YAML', () => {
  expect(names(JSON.stringify({ apiVersion: 'fuseboard.dev/v1', kind: 'Upstream', metadata: { name: 'u' }, spec: { host: 'a.b' } }))).toEqual(['Upstream/u']);
});

test('a List, as kubectl get -o yaml prints it, is read item by item', () => {
  const item = (name: string, host: string) => `- apiVersion: policy.openservicemesh.io/v1alpha1
  kind: UpstreamTrafficSetting
  metadata:
    creationTimestamp: "2022-09-30T07:29:27Z"
    name: ${name}
    uid: 0-1
  spec:
    host: ${host}
  status: {currentStatus: committed}
`;
  const list = (...items: string[]) => `apiVersion: v1\nkind: List\nmetadata:\n  resourceVersion: ""\nitems:\n${items.join('')}`;
  expect(names(list(item('a', 'a.b'), item('b', 'b.b')))).toEqual(['UpstreamTrafficSetting/a', 'UpstreamTrafficSetting/b']);
  expect(problems(list(item('a', 'a.b'), item('b', '"b b"')))).toEqual([
    'shop.yaml:22:5: UpstreamTrafficSetting default/b: spec.host: found "b b"; allowed: a host name such as fortio.circuit-breaking.svc.cluster.local, a bare service name, or either with :PORT',
  ]);
});

test('a problem names file, line, column, document, field and what is allowed, and all of them are listed', () => {
  const text = `${UPSTREAM.replace('8080\n', '0\n')}---\n${POLICY.replace('1m', '1 min').replace('errorAmount', 'errorAmuont')}`;
  const reading = read(text);
  expect(reading).toEqual({
    file: 'shop.yaml',
    problems: [
      {
        file: 'shop.yaml',
        line: 7,
        column: 3,
        document: 'Upstream circuit-breaking/fortio',
        path: 'spec.port',
        message: 'found 0; allowed: a whole number from 1 to 65535',
      },
      expect.objectContaining({ line: 21, column: 9, path: 'spec.connectionSettings.http.circuitBreaking.statTimeWindow' }),
      expect.objectContaining({ line: 22, column: 9, path: 'spec.connectionSettings.http.circuitBreaking.errorAmuontThreshold' }),
    ],
  });
  expect(problems(text)[2]).toMatch(/^shop\.yaml:22:9: UpstreamTrafficSetting circuit-breaking\/http-circuit-breaking: spec\.connectionSettings\.http\.circuitBreaking\.errorAmuontThreshold: unknown field, did you mean "errorAmountThreshold"\?; allowed here: statTimeWindow/);
});

test('a missing field is placed at what it is missing from', () => {
  expect(problems(POLICY.replace(/ {2}host.*\n/, ''))[0]).toMatch(/^shop\.yaml:6:1: .*: spec\.host: missing, required: a host name/);
  expect(problems('kind: Upstream\n')[0]).toMatch(/^shop\.yaml:1:1: Upstream default\/\(no name\): apiVersion: missing, required: fuseboard\.dev\/v1/);
  expect(problems('just text')).toEqual(['shop.yaml:1:1: found "just text"; allowed: an object with apiVersion, kind, metadata, spec']);
});

test('warnings have their place too', () => {
  const reading = read(POLICY.replace('    http:', '    http:\n      maxRequests: 0'));
  expect('warnings' in reading && reading.warnings.map(problemText)).toEqual([
    'shop.yaml:10:7: UpstreamTrafficSetting circuit-breaking/http-circuit-breaking: spec.connectionSettings.http.maxRequests: 0 lets no call through',
  ]);
});

test('what has no effect beside a document of another file is said at its own place', () => {
  const policy = POLICY.replace('    http:', '    http:\n      maxPendingRequests: 3');
  const [first, second] = readDirectory([{ file: 'a.yaml', text: policy }, { file: 'b.yaml', text: UPSTREAM.replace('protocol: http', 'protocol: tcp') }]);
  expect(first !== undefined && 'warnings' in first && first.warnings.map(problemText)).toEqual([
    'a.yaml:10:7: UpstreamTrafficSetting circuit-breaking/http-circuit-breaking: spec.connectionSettings.http.maxPendingRequests: has no effect on Upstream circuit-breaking/fortio: its protocol is tcp',
  ]);
  expect(second).toMatchObject({ file: 'b.yaml', warnings: [] });
});

test('a key written twice is refused, with both lines', () => {
  expect(problems(POLICY.replace('statTimeWindow: 1m', 'statTimeWindow: 1m\n        statTimeWindow: 2m'))).toEqual([
    'shop.yaml:12:9: spec.connectionSettings.http.circuitBreaking.statTimeWindow: written twice; first in line 11',
  ]);
});

test('a file that is no YAML is refused at the place', () => {
  expect(problems('a: [1,\nb: 2')[0]).toMatch(/^shop\.yaml:2:1: no valid YAML: /);
  expect(problems('spec:\n\thost: x')[0]).toBe('shop.yaml:2:1: no valid YAML: Tabs are not allowed as indentation');
  expect(problems('spec: !secret x')[0]).toBe('shop.yaml:1:7: no valid YAML: Unresolved tag: !secret');
  expect(problems('a: *nowhere')[0]).toMatch(/Unresolved alias \(the anchor must be set before the alias\): nowhere/);
});

test('anchors and aliases are understood, and problems inside of them found', () => {
  const anchored = `${POLICY.replace('circuitBreaking:', 'circuitBreaking: &breaker')}---\n${POLICY.replace('name: http', 'name: other')
    .replace('host: fortio', 'host: other')
    .replace(/circuitBreaking:[^]*$/, 'circuitBreaking: *breaker\n')}`;
  // Anchors end with their document.
  expect(problems(anchored)[0]).toMatch(/Unresolved alias/);
  const inOne = UPSTREAM.replace('listen: 127.0.0.1:18080', 'listen: *l').replace('name: fortio,', 'name: fortio, labels: {l: &l 127.0.0.1:x},');
  expect(problems(inOne)).toEqual(['shop.yaml:9:3: Upstream circuit-breaking/fortio: spec.listen: found "127.0.0.1:x"; allowed: HOST:PORT of a listener of its own, such as 127.0.0.1:18080']);
});

test('two policies for one host, a key used twice, an upstream or a listener had twice: refused, naming both places', () => {
  const other = POLICY.replace('name: http-circuit-breaking', 'name: other').replace('fortio.circuit-breaking.svc.cluster.local', 'FORTIO');
  expect(problems(`${POLICY}---\n${other}`)).toEqual([
    'shop.yaml:20:3: UpstreamTrafficSetting circuit-breaking/other: spec.host: the policy of fortio.circuit-breaking.svc.cluster.local is claimed already by UpstreamTrafficSetting circuit-breaking/http-circuit-breaking (shop.yaml:7:3)',
  ]);
  expect(problems(`${POLICY}---\n${POLICY.replace('host: fortio', 'host: other')}`)).toEqual([
    'shop.yaml:17:3: UpstreamTrafficSetting circuit-breaking/http-circuit-breaking: metadata.name: the document UpstreamTrafficSetting/circuit-breaking/http-circuit-breaking is claimed already by UpstreamTrafficSetting circuit-breaking/http-circuit-breaking (shop.yaml:4:3)',
  ]);
  const second = UPSTREAM.replace('name: fortio', 'name: second');
  expect(problems(`${UPSTREAM}---\n${second}`)).toEqual([
    'shop.yaml:15:3: Upstream circuit-breaking/second: spec.host: the upstream fortio.circuit-breaking.svc.cluster.local:8080 is claimed already by Upstream circuit-breaking/fortio (shop.yaml:5:3)',
    'shop.yaml:19:3: Upstream circuit-breaking/second: spec.listen: the listener 127.0.0.1:18080 is claimed already by Upstream circuit-breaking/fortio (shop.yaml:9:3)',
  ]);
  const portOfItsOwn = POLICY.replace('name: http-circuit-breaking', 'name: other').replace('svc.cluster.local', 'svc.cluster.local:8080');
  expect(names(`${POLICY}---\n${portOfItsOwn}`)).toHaveLength(2);
});

test('of two files that clash the later by name is refused whole, the others are used', () => {
  const clash = POLICY.replace('name: http-circuit-breaking', 'name: other');
  const fine = UPSTREAM.replace('host: fortio', 'host: spare').replace('name: fortio', 'name: spare').replace('18080', '18081');
  const readings = readDirectory([
    { file: 'c.yaml', text: fine },
    { file: 'b.yaml', text: `${clash}---\n${UPSTREAM}` },
    { file: 'a.yaml', text: POLICY },
    { file: 'd.yaml', text: UPSTREAM },
    { file: 'e.yaml', text: 'kind: [' },
  ]);
  expect(readings.map(({ file }) => file)).toEqual(['a.yaml', 'b.yaml', 'c.yaml', 'd.yaml', 'e.yaml']);
  expect(readings.map((reading) => ('documents' in reading ? reading.documents.length : 'refused'))).toEqual([1, 'refused', 1, 1, 'refused']);
  const refused = readings[1];
  expect(refused !== undefined && 'problems' in refused && refused.problems.map(problemText)).toEqual([
    'b.yaml:7:3: UpstreamTrafficSetting circuit-breaking/other: spec.host: the policy of fortio.circuit-breaking.svc.cluster.local is claimed already by UpstreamTrafficSetting circuit-breaking/http-circuit-breaking (a.yaml:7:3)',
  ]);
});

test('what `<<` merges counts as if it were written there, as kubectl has it', () => {
  const anchored = POLICY.replace('http:', 'tcp: &limits { maxConnections: 3 }\n    http:\n      <<: &http { maxRequests: 7, maxPendingRequests: 1 }\n      maxRequests: 5');
  expect(read(anchored)).toMatchObject({ documents: [{ limits: { maxConnections: 3, maxRequests: 5, maxPendingRequests: 1 } }] });
  expect(problems(anchored.replace('maxPendingRequests', 'maxPending'))[0]).toMatch(/^shop\.yaml:10:5: .*http\.maxPending: unknown field/);
  expect(problems('a: &a {x: 1}\n<<: [*a, 5]')).toHaveLength(1);
});

test('an alias bomb, deep nesting, too long a file and too many keys end soon, as problems', () => {
  const bomb = ['a: &a [x,x,x,x,x,x,x,x,x,x]', ...['b', 'c', 'd', 'e', 'f'].map((name, i) => `${name}: &${name} [${Array(10).fill(`*${'abcde'[i]}`).join(',')}]`)];
  expect(problems(bomb.join('\n'))).toEqual([
    'shop.yaml:1:1: Excessive alias count indicates a resource exhaustion attack; allowed: at most 100 aliases',
  ]);
  const merges = ['a: &a {x: 1}', ...['b', 'c', 'd', 'e', 'f', 'g'].map((name, i) => `${name}: &${name} {<<: [${Array(10).fill(`*${'abcdef'[i]}`).join(',')}]}`)];
  expect(problems(merges.join('\n'))[0]).toMatch(/Excessive alias count/);
  expect(problems(Array.from({ length: 45 }, (_, i) => `${' '.repeat(i)}a:`).join('\n'))[0]).toMatch(/nested too deeply; allowed: at most 40 levels$/);
  expect(problems('['.repeat(20_000))).toEqual([expect.stringMatching(/nested too deeply; allowed: at most 40 levels$/)]);
  expect(problems('a'.repeat(FILE_BYTES_MAX + 1))).toEqual([`shop.yaml:1:1: the file has ${FILE_BYTES_MAX + 1} bytes; allowed: at most ${FILE_BYTES_MAX}`]);
  expect(problems(`kind: Upstream\nmetadata:\n${Array.from({ length: 20_000 }, (_, i) => `  k${i}: 0\n`).join('')}`).length).toBeLessThan(10);
  expect(problems('---\n'.repeat(10_002))).toEqual(['shop.yaml:1:1: the file has 10002 documents; allowed: at most 10000']);
  expect(problems('a: &a [*a]').length).toBeGreaterThan(0);
});

test('prototype keys in YAML are unknown fields like any other', () => {
  expect(problems(`__proto__: {polluted: true}\n${UPSTREAM}`)).toEqual([
    'shop.yaml:1:1: Upstream circuit-breaking/fortio: __proto__: unknown field; allowed here: apiVersion, kind, metadata, spec, status',
  ]);
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
});

test('whatever the text, reading gives documents or problems and never throws', () => {
  const ends = (text: string) => {
    const reading = read(text);
    expect('documents' in reading || reading.problems.length > 0).toBe(true);
  };
  fc.assert(fc.property(fc.string({ maxLength: 200 }), ends));
  const pieces = fc.constantFrom('- ', '? ', ': ', '\n', '  ', '&a ', '*a', '[', ']', '{', '}', '"', "'", '|', '>', '---\n', '!!map ', '#', 'kind: Upstream', '<<', ',', '%YAML 1.1\n');
  fc.assert(fc.property(fc.array(pieces, { maxLength: 40 }).map((parts) => parts.join('')), ends), { numRuns: 500 });
});
