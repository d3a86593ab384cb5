/** A state by word, shape and colour, so that no one of them has to be seen. */

interface StateBadgeProps {
  readonly state: string;
  /** Share of calls let through: an open breaker that isn't enforced refuses none. */
  readonly admit: number;
  readonly isHeld?: boolean;
}

export function StateBadge({ state, admit, isHeld = false }: StateBadgeProps) {
  const isOpen = state === 'open';
  return (
    <span class={`badge ${isOpen ? (admit > 0 ? 'badge-would' : 'badge-open') : 'badge-closed'}`}>
      <svg viewBox="0 0 16 16" aria-hidden="true">
        {isOpen ? <path d="M1 8h4l5-5M11 8h4" /> : <path d="M1 8h14M5 8a3 3 0 0 1 6 0" />}
      </svg>
      {isOpen ? (admit > 0 ? 'Would open' : 'Open') : 'Closed'}
      {isHeld && <span class="badge-held">by hand</span>}
    </span>
  );
}
