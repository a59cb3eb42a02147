/** Notices of a session: what the gates did, in the server's own words. */
import type { Notice } from '../api/types';

export interface ShownNotice extends Notice {
  /** Unique on this page. */
  key: number;
  /** Still over the picture. */
  toast: boolean;
  unread: boolean;
}

/** Older ones are in Activity. */
export const HISTORY_MAX = 50;
/** Notices over the picture at the same time. */
export const TOASTS_MAX = 3;

const KINDS = new Set(['blocked', 'changed', 'info', 'warning', 'ended']);

/** Reads the data of a `notice` event; null when it is not one. */
export function parseNotice(data: string): Notice | null {
  try {
    const value: unknown = JSON.parse(data);
    if (value === null || typeof value !== 'object') return null;
    const notice = value as Partial<Notice>;
    if (typeof notice.text !== 'string' || typeof notice.kind !== 'string' || !KINDS.has(notice.kind))
      return null;
    return { ...notice, text: notice.text, kind: notice.kind, at: notice.at ?? Date.now() * 1000 };
  } catch {
    return null;
  }
}

/**
 * Adds one, newest first. The same notice told twice (after a reconnect) is kept once; one from before this page goes to the
 * history only.
 */
export function addNotice(
  list: readonly ShownNotice[],
  notice: Notice,
  key: number,
  past = false,
): ShownNotice[] {
  const same = (old: ShownNotice) =>
    old.at === notice.at && old.text === notice.text && old.reference === notice.reference;
  if (list.some(same)) return [...list];
  const next = [{ ...notice, key, toast: !past, unread: !past }, ...list].slice(0, HISTORY_MAX);
  let toasts = 0;
  return next.map((entry) => {
    if (!entry.toast) return entry;
    toasts += 1;
    return toasts > TOASTS_MAX ? { ...entry, toast: false } : entry;
  });
}

/** Takes one off the picture; it stays in the history. */
export function dismiss(list: readonly ShownNotice[], key: number): ShownNotice[] {
  return list.map((entry) => (entry.key === key ? { ...entry, toast: false } : entry));
}

export function markRead(list: readonly ShownNotice[]): ShownNotice[] {
  return list.map((entry) => (entry.unread ? { ...entry, unread: false } : entry));
}

/** How long a notice stays over the picture: long enough to read, ms. Null: until it is dismissed. */
export function toastMs(notice: Notice): number | null {
  if (notice.kind === 'ended') return null;
  const base = notice.kind === 'blocked' || notice.kind === 'warning' ? 9_000 : 6_000;
  return Math.min(20_000, base + notice.text.length * 40);
}

/** `alert` interrupts a screen reader, `status` waits. */
export const noticeRole = (notice: Notice): 'alert' | 'status' =>
  notice.kind === 'blocked' || notice.kind === 'warning' || notice.kind === 'ended' ? 'alert' : 'status';
