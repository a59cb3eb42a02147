import { clockTime, fullTime, isoTime } from '../lib/format';

/** A moment, short on the page and exact in its tip. */
export function Time({ at, look = 'clock' }: { at: number; look?: 'clock' | 'exact' }) {
  const words = clockTime(at, Date.now(), look === 'exact');
  return (
    <time dateTime={isoTime(at)} title={fullTime(at)}>
      {words}
    </time>
  );
}
