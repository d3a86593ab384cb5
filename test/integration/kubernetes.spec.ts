/** The manifests of docker/kubernetes, as far as they can be judged without a cluster. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { readDirectory } from '#wire';
import { knownVariables } from '../../libs/runtime/src/settings.ts';
import { projectRoot } from '../support/project-root.ts';

const FOLDER = join(projectRoot(), 'docker/kubernetes');

interface Container {
  readonly name: string;
  readonly args: readonly string[];
  readonly env: readonly { readonly name: string; readonly value?: string }[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly securityContext: unknown;
  readonly readinessProbe: { readonly httpGet: { readonly path: string; readonly port: number } };
}

interface Deployment {
  readonly kind: 'Deployment';
  readonly metadata: { readonly name: string };
  readonly spec: { readonly template: { readonly spec: { readonly containers: readonly [Container]; readonly securityContext: unknown; readonly terminationGracePeriodSeconds: number } } };
}

const { resources, configMapGenerator } = parse(readFileSync(join(FOLDER, 'kustomization.yaml'), 'utf8')) as { resources: string[]; configMapGenerator: { literals?: string[]; files?: string[] }[] };
const objects = resources.flatMap((file) => parseAllDocuments(readFileSync(join(FOLDER, file), 'utf8')).map((document) => document.toJS() as { kind: string }));
const deployments = objects.filter(({ kind }) => kind === 'Deployment') as Deployment[];

it('every file is named by kustomization.yaml', () => {
  const named = [...resources, ...configMapGenerator.flatMap(({ files = [] }) => files), 'kustomization.yaml'];
  expect(new Set(readdirSync(FOLDER))).toEqual(new Set(named));
  expect(named.every((file) => existsSync(join(FOLDER, file)))).toBe(true);
});

it('documents.yaml is what ingest takes', () => {
  const [reading] = readDirectory([{ file: 'documents.yaml', text: readFileSync(join(FOLDER, 'documents.yaml'), 'utf8') }]);
  expect(reading).not.toHaveProperty('problems');
});

describe.each(deployments.map((each): [string, Deployment] => [each.metadata.name, each]))('%s', (_, { spec }) => {
  const { containers: [container], securityContext, terminationGracePeriodSeconds } = spec.template.spec;

  it('has settings that exist, and no others', () => {
    const set = [...container.env.map(({ name }) => name), ...configMapGenerator.flatMap(({ literals = [] }) => literals.map((each) => each.split('=', 1)[0] ?? ''))];
    expect(set.filter((name) => !knownVariables().includes(name))).toEqual([]);
  });

  it('runs as the restricted standard wants it, and is given the time that a process takes to end', () => {
    expect(securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } });
    expect(container.securityContext).toEqual({ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } });
    expect(terminationGracePeriodSeconds).toBeGreaterThanOrEqual(15);
  });

  it('is asked for its readiness where it listens', () => {
    const { path, port } = container.readinessProbe.httpGet;
    const listens = container.env.flatMap(({ value }) => /^0\.0\.0\.0:(\d+)$/.exec(value ?? '')?.[1] ?? []).map(Number);
    expect([path, listens.includes(port)]).toEqual(['/readyz', true]);
    expect(new Set(container.ports.map(({ containerPort }) => containerPort))).toEqual(new Set(listens));
  });
});
