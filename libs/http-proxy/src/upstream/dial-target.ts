/** A target whose address is found out while it is dialled: it isn't known yet, or may turn out to be another. */
import { isIP, type LookupFunction } from 'node:net';
import type { Place } from './place.ts';
import type { TargetName } from './target-name.ts';
import type { Target } from './targets.ts';

/** What the targets around it know. */
export interface Places {
  /** Which address of a name comes next: the preferred one, if it still is one. */
  choose(name: TargetName, preferred: Place): Place;
  find(label: string): Place | undefined;
  failed(target: Target): void;
}

export class DialTarget implements Target {
  readonly #name: TargetName;
  readonly #places: Places;
  #place: Place;

  constructor(place: Place, name: TargetName, places: Places) {
    this.#place = place;
    this.#name = name;
    this.#places = places;
  }

  /** Changes until it is connected. */
  get label(): string {
    return this.#place.label;
  }

  get host(): string {
    return this.#place.name;
  }

  get port(): number {
    return this.#place.port;
  }

  get name(): string {
    return this.#place.name;
  }

  get lookup(): LookupFunction {
    return (_host, _options, callback) => void this.#lookUp(callback);
  }

  reached(address: string | undefined): void {
    const place = address === undefined ? undefined : this.#places.find(this.#name.labelOf(address));
    if (place === undefined || place === this.#place) return;
    this.#places.failed(this);
    this.#place = place;
  }

  async #lookUp(callback: Parameters<LookupFunction>[2]): Promise<void> {
    try {
      await this.#name.ready();
    } catch (error) {
      callback(error as NodeJS.ErrnoException, []);
      return;
    }
    this.#place = this.#places.choose(this.#name, this.#place);
    // One that was dropped meanwhile is known by its name alone.
    const host = isIP(this.#place.host) === 0 ? (this.#name.addresses[0] as string) : this.#place.host;
    const other = this.#name.otherFamilyOf(host);
    const addresses = other === undefined ? [host] : [host, other];
    callback(null, addresses.map((address) => ({ address, family: isIP(address) })));
  }
}
