/**
 * Who may import whom: the file tree's arrows, as errors. test/integration/import-rules.spec.ts plants a violation of
 * each and sees it found, because a misconfigured cruiser passes by checking nothing.
 */

/** A library may import these and nothing else of ours, and these packages and no others. */
const only = (name, { from, ours = [], packages = [], node = false }) => ({
  name,
  severity: 'error',
  from: { path: from, pathNot: SPEC },
  to: {
    pathNot: [
      `^${from.replace(/^\^/, '')}`,
      ...ours,
      ...packages.map((each) => `node_modules/${each}/`),
    ],
    ...(node ? { dependencyTypesNot: ['core'] } : {}),
  },
});

const SPEC = '\\.spec\\.ts$';
const ENGINE = '^libs/engine/';
const WIRE = '^libs/wire/';
const RUNTIME = '^libs/runtime/';
/** Apart from a process's frame: loads no Nest. */
const REACH = ['^libs/runtime/src/reach\\.ts$', '^libs/drivers/src/client\\.ts$'];
const CLIENT_NEST = '^libs/client/src/nest\\.ts$';
const NEST = 'node_modules/(@nestjs|rxjs|reflect-metadata)/';

export default {
  forbidden: [
    only('engine-imports-xstate-only', { from: '^libs/engine/', packages: ['xstate'] }),
    only('audit-imports-the-engine', { from: '^libs/audit/', ours: [ENGINE] }),
    only('http-proxy-imports-node-and-its-parser', { from: '^libs/http-proxy/', packages: ['undici', 're2js'], node: true }),
    only('wire-imports-the-engine', { from: '^libs/wire/', ours: [ENGINE], packages: ['yaml', 're2js'], node: true }),
    {
      name: 'client-imports-no-process',
      comment: 'It is part of programs that are not ours.',
      severity: 'error',
      from: { path: '^libs/client/', pathNot: SPEC },
      to: { path: '^(apps|libs)/', pathNot: ['^libs/client/', ENGINE, WIRE, ...REACH] },
    },
    {
      name: 'runtime-imports-the-engine',
      severity: 'error',
      from: { path: RUNTIME, pathNot: SPEC },
      to: { path: '^(apps|libs)/', pathNot: [RUNTIME, ENGINE] },
    },
    {
      name: 'drivers-import-engine-wire-runtime',
      severity: 'error',
      from: { path: '^libs/drivers/', pathNot: SPEC },
      to: { path: '^(apps|libs)/', pathNot: ['^libs/drivers/', ENGINE, WIRE, RUNTIME] },
    },
    {
      name: 'kafkajs-only-under-kafka',
      severity: 'error',
      from: { pathNot: ['^libs/drivers/src/kafka/', '^(test|bench)/', SPEC] },
      to: { path: 'node_modules/kafkajs/' },
    },
    {
      name: 'ioredis-only-under-redis',
      severity: 'error',
      from: { pathNot: ['^libs/drivers/src/redis/', '^(test|bench)/', SPEC] },
      to: { path: 'node_modules/ioredis/' },
    },
    {
      name: 'opentelemetry-only-under-tracing',
      comment: 'It is loaded by one import() of that folder, where traces are on.',
      severity: 'error',
      from: { pathNot: ['^apps/proxy/src/tracing/', '^(test|bench)/', SPEC] },
      to: { path: 'node_modules/@opentelemetry/' },
    },
    {
      name: 'tracing-only-where-on',
      severity: 'error',
      from: { pathNot: ['^apps/proxy/src/tracing/', '^(test|bench)/', SPEC] },
      to: { path: '^apps/proxy/src/tracing/', dependencyTypesNot: ['dynamic-import', 'type-only'] },
    },
    {
      name: 'grpc-only-under-console',
      comment: 'Of the libraries; the console and the command have servers and clients of their own.',
      severity: 'error',
      from: { path: '^libs/', pathNot: ['^libs/drivers/src/console/', SPEC] },
      to: { path: 'node_modules/@grpc/' },
    },
    {
      name: 'apps-know-no-other-app',
      comment: 'Standalone is the exception: it is the others in one process.',
      severity: 'error',
      from: { path: '^apps/([^/]+)/', pathNot: ['^apps/standalone/', SPEC] },
      to: { path: '^apps/', pathNot: '^apps/$1/' },
    },
    {
      name: 'page-imports-what-a-browser-has',
      comment: 'Of the console it may know what both share, which imports nothing.',
      severity: 'error',
      from: { path: '^apps/console/(page|src/shared)/', pathNot: SPEC },
      to: { pathNot: ['^apps/console/page/', '^apps/console/src/shared/', 'node_modules/(preact|@preact)/'] },
    },
    {
      name: 'libs-by-public-name',
      comment: 'From outside a library only its index may be imported, and the other names that package.json gives.',
      severity: 'error',
      from: { path: '^(apps|libs)/([^/]+)/', pathNot: SPEC },
      to: { path: '^libs/', pathNot: ['^$1/$2/', '^libs/[^/]+/src/index\\.ts$', ...REACH, CLIENT_NEST] },
    },
    {
      name: 'libs-know-no-app',
      severity: 'error',
      from: { path: '^libs/' },
      to: { path: '^(apps|test|bench)/' , pathNot: '^test/support/' },
    },
    {
      name: 'nest-at-the-rim',
      severity: 'error',
      from: { path: '^libs/', pathNot: ['^libs/runtime/', '^libs/drivers/src/drivers\\.module\\.ts$', '^libs/client/src/nest', SPEC] },
      to: { path: NEST },
    },
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } } },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    parser: 'swc',
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|data)/' },
    enhancedResolveOptions: {
      conditionNames: ['source', 'import', 'node', 'default', 'types'],
      exportsFields: ['exports'],
      extensions: ['.ts', '.tsx', '.js', '.mjs', '.json'],
    },
  },
};
