/** A small wrong version of one source file, and what must find it. */
export interface Mutant {
  /** What is wrong with it, in words. */
  readonly name: string;
  /** The rule of docs/model.md that it breaks. */
  readonly rule: string;
  /** From the project's root. */
  readonly file: string;
  /** Stands exactly once in the file. */
  readonly find: string;
  readonly replace: string;
  readonly by: Finder | typeof SIMULATOR;
}

/** A spec, and text that stands in the names of the tests meant. */
export interface Finder {
  readonly spec: string;
  readonly title: string;
}

/** Lives of a simulated fleet (`npm run sim`), always the same ones, until one breaks an invariant. */
export const SIMULATOR = { flags: ['--seed', '1', '--seeds', '40', '--steps', '2000', '--bail', '--shrink', '0', '--workers', '1'] } as const;

/** Random lives of owners, stores and replies, always the same ones. */
export const LIVES: Finder = {
  spec: 'test/integration/pump-simulation.spec.ts',
  title: 'whatever befalls owners, stores and replies, the state is the fold of the log',
};

const ENGINE = 'libs/engine/src/';

type Change = Pick<Mutant, 'find' | 'replace'> & ({ readonly title: string } | { readonly by: typeof SIMULATOR });

/** Mutants of one of the engine's files, found by one of the specs beside it, or by the simulator. */
export function inEngine(file: string, spec: string): (rule: string, name: string, change: Change) => Mutant {
  return (rule, name, { find, replace, ...by }) => ({
    name, rule, file: `${ENGINE}${file}`, find, replace, by: 'title' in by ? { spec: `${ENGINE}${spec}`, title: by.title } : by.by,
  });
}
