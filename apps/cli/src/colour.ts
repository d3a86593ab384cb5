/** Colours on standard output, where a terminal shows it; NO_COLOR and FORCE_COLOR have the last word. */
import { styleText } from 'node:util';

export type Colour = 'red' | 'green' | 'yellow' | 'bold' | 'dim';

export function paint(colour: Colour, text: string): string {
  return styleText(colour, text, { stream: process.stdout });
}
