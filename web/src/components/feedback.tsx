/** What a page says while it loads, when there is nothing, and when something failed. */
import type { ComponentChildren } from 'preact';
import { ApiError, errorText } from '../api/client';
import { Button } from './button';
import { InfoIcon, WarnIcon } from './icons';

export function Skeleton({ rows = 3, look = 'rows' }: { rows?: number; look?: 'rows' | 'cards' }) {
  return (
    <div class={`skeleton ${look}`} role="status">
      <span class="visually-hidden">Loading</span>
      {Array.from({ length: rows }, (_, index) => (
        <div key={index} class="skeleton-item" aria-hidden="true" />
      ))}
    </div>
  );
}

interface EmptyProps {
  icon: ComponentChildren;
  title: string;
  /** It is all that the page says, so its title is the page's. */
  whole?: boolean;
  children?: ComponentChildren;
}

export function Empty({ icon, title, whole, children }: EmptyProps) {
  return (
    <div class="empty">
      <div class="empty-icon">{icon}</div>
      {whole ? <h1>{title}</h1> : <h2>{title}</h2>}
      {children}
    </div>
  );
}

interface FailureProps {
  error: unknown;
  /** What could not be loaded, as the start of a sentence. */
  what: string;
  whole?: boolean;
  retry?: () => void;
}

/** A failed load of a whole page or part, with another try where one can help. */
export function Failure({ error, retry, what, whole }: FailureProps) {
  const missing = error instanceof ApiError && (error.status === 404 || error.status === 403);
  const title = missing ? `${what} can’t be shown` : `${what} could not be loaded`;
  return (
    <div class="empty" role="alert">
      <div class="empty-icon bad">
        <WarnIcon />
      </div>
      {whole ? <h1>{title}</h1> : <h2>{title}</h2>}
      <p>{errorText(error)}</p>
      {retry && !missing && <Button onClick={retry}>Try again</Button>}
    </div>
  );
}

type Tone = 'bad' | 'warn' | 'ok' | 'info';

/** A message inside a page. `bad` interrupts a screen reader, the others wait. */
export function Callout({
  tone,
  title,
  children,
}: {
  tone: Tone;
  title?: string;
  children?: ComponentChildren;
}) {
  return (
    <div class={`callout ${tone}`} role={tone === 'bad' ? 'alert' : 'status'}>
      {tone === 'bad' || tone === 'warn' ? <WarnIcon /> : <InfoIcon />}
      <div>
        {title !== undefined && <strong>{title}</strong>}
        {children !== undefined && <div>{children}</div>}
      </div>
    </div>
  );
}

export function Badge({ tone = 'neutral', children }: { tone?: string; children: ComponentChildren }) {
  return <span class={`badge ${tone}`}>{children}</span>;
}
