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
  children?: ComponentChildren;
}

export function Empty({ icon, title, children }: EmptyProps) {
  return (
    <div class="empty">
      <div class="empty-icon">{icon}</div>
      <h2>{title}</h2>
      {children}
    </div>
  );
}

/** A failed load of a whole page or part, with another try where one can help. */
export function Failure({ error, retry, what }: { error: unknown; retry?: () => void; what: string }) {
  const missing = error instanceof ApiError && (error.status === 404 || error.status === 403);
  return (
    <div class="empty" role="alert">
      <div class="empty-icon bad">
        <WarnIcon />
      </div>
      <h2>{missing ? `${what} can’t be shown` : `${what} could not be loaded`}</h2>
      <p>{errorText(error)}</p>
      {retry && !missing && <Button onClick={retry}>Try again</Button>}
    </div>
  );
}

type Tone = 'bad' | 'warn' | 'ok' | 'info';

/** A message inside a page. `bad` interrupts a screen reader, the others wait. */
export function Callout({ tone, title, children }: { tone: Tone; title?: string; children?: ComponentChildren }) {
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
