import { ago, clockTime, fullTime, isoTime } from '../lib/format';

/** A moment, short on the page and exact in its tip. */
export function Time({ at, look = 'clock' }: { at: number; look?: 'clock' | 'ago' | 'full' }) {
  const words = look === 'ago' ? ago(at) : look === 'full' ? fullTime(at) : clockTime(at);
  return (
    <time dateTime={isoTime(at)} title={fullTime(at)}>
      {words}
    </time>
  );
}
