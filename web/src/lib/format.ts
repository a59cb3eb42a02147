/** Times, sizes and counts as people read them. Times come in as microseconds since the epoch. */

const dateTime = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
const shortTime = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const exactTime = new Intl.DateTimeFormat(undefined, {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
});
const shortDate = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });
const number = new Intl.NumberFormat();

export const millis = (micros: number): number => Math.floor(micros / 1000);

/** Date and time to the second. */
export const fullTime = (micros: number): string => dateTime.format(millis(micros));

/** Machine-readable, for `<time datetime>`. */
export const isoTime = (micros: number): string => new Date(millis(micros)).toISOString();

/** The time of day, with the date where it is not today. */
export function clockTime(micros: number, now: number = Date.now(), seconds = false): string {
  const at = new Date(millis(micros));
  const time = (seconds ? exactTime : shortTime).format(at);
  return at.toDateString() === new Date(now).toDateString() ? time : `${shortDate.format(at)}, ${time}`;
}

/** Bytes in the binary units that the server's messages use too. */
export function bytes(count: number): string {
  if (count < 1024) return `${number.format(count)} ${count === 1 ? 'byte' : 'bytes'}`;
  const units = ['KiB', 'MiB', 'GiB', 'TiB'];
  let value = count;
  let unit = -1;
  do {
    value /= 1024;
    unit += 1;
  } while (value >= 1024 && unit < units.length - 1);
  return `${value >= 100 ? Math.round(value) : Math.round(value * 10) / 10} ${units[unit] ?? ''}`;
}

/** Microseconds of work, in the unit that reads best. */
export function micros(count: number): string {
  if (count < 1000) return `${number.format(count)} µs`;
  if (count < 1_000_000) return `${Math.round(count / 100) / 10} ms`;
  return `${Math.round(count / 100_000) / 10} s`;
}

export const count = (value: number): string => number.format(value);

/** `1 rule`, `2 rules`. */
export const plural = (value: number, one: string, many = `${one}s`): string =>
  `${number.format(value)} ${value === 1 ? one : many}`;

/** The first twelve hex digits of a digest, without its algorithm. */
export const shortDigest = (digest: string): string => digest.replace(/^sha256:/, '').slice(0, 12);

/** A wire word such as `copy-in` as a label: `Copy in`. */
export function label(word: string): string {
  const spaced = word.replace(/[-_.]+/g, ' ').trim();
  return spaced === '' ? '' : spaced.charAt(0).toUpperCase() + spaced.slice(1);
}
