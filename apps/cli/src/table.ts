/** Columns as wide as what is in them. */
import { stripVTControlCharacters } from 'node:util';

const GAP = '  ';

/** The first row is the heading. @param right columns of numbers, which end below each other */
export function table(rows: readonly (readonly string[])[], right: readonly number[] = []): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => widthOf(row[column]))));
  const padded = (cell: string, column: number): string => {
    const filling = ' '.repeat(Math.max(0, (widths[column] ?? 0) - widthOf(cell)));
    return right.includes(column) ? filling + cell : cell + filling;
  };
  return rows.map((row) => row.map(padded).join(GAP).trimEnd()).join('\n');
}

/** Colours take no room. */
function widthOf(cell = ''): number {
  return stripVTControlCharacters(cell).length;
}
