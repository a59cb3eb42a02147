import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Notice } from '../src/api/types';
import { followNotices } from '../src/session/notice-stream';
import {
  addNotice,
  dismiss,
  HISTORY_MAX,
  markRead,
  noticeRole,
  parseNotice,
  type ShownNotice,
  toastMs,
  TOASTS_MAX,
} from '../src/session/notices';

const notice = (at: number, kind: Notice['kind'] = 'blocked'): Notice => ({
  kind,
  gate: 'copy-in',
  text: `Paste blocked ${at}. Ref K7Q2.`,
  reference: 'K7Q2',
  at,
});
const fill = (count: number) => {
  let list: ShownNotice[] = [];
  for (let i = 0; i < count; i += 1) list = addNotice(list, notice(i), i);
  return list;
};

describe('the list of notices', () => {
  it('is newest first, bounded, with few over the picture', () => {
    const list = fill(HISTORY_MAX + 5);
    expect(list).toHaveLength(HISTORY_MAX);
    expect(list[0]?.at).toBe(HISTORY_MAX + 4);
    expect(list.filter((entry) => entry.toast)).toHaveLength(TOASTS_MAX);
  });

  it('takes one that is told twice once', () => {
    expect(addNotice(fill(1), notice(0), 9)).toHaveLength(1);
  });

  it('keeps a dismissed one in the history', () => {
    const list = dismiss(fill(2), 1);
    expect(list).toHaveLength(2);
    expect(list[0]).toMatchObject({ key: 1, toast: false });
  });

  it('does not show again what was told before', () => {
    expect(addNotice([], notice(1), 1, true)[0]).toMatchObject({ toast: false, unread: false });
    expect(markRead(fill(2)).some((entry) => entry.unread)).toBe(false);
  });
});

describe('how a notice is told', () => {
  it('interrupts for what was stopped, waits for what was changed', () => {
    expect(noticeRole(notice(1, 'blocked'))).toBe('alert');
    expect(noticeRole(notice(1, 'warning'))).toBe('alert');
    expect(noticeRole(notice(1, 'changed'))).toBe('status');
    expect(noticeRole(notice(1, 'info'))).toBe('status');
  });

  it('stays long enough to read', () => {
    expect(toastMs(notice(1, 'ended'))).toBeNull();
    expect(toastMs({ ...notice(1), text: 'x'.repeat(150) })!).toBeGreaterThan(toastMs(notice(1))!);
  });

  it('keeps the server’s words as they are, and nothing that is not a notice', () => {
    const text = 'Paste blocked: text is 71 KiB. Ref <b>K7Q2</b>.';
    expect(parseNotice(JSON.stringify({ kind: 'blocked', text, at: 5 }))?.text).toBe(text);
    for (const data of [
      '',
      'null',
      '[]',
      '{"kind":"blocked"}',
      '{"kind":"odd","text":"x"}',
      '{"text":"x"}',
    ]) {
      expect(parseNotice(data)).toBeNull();
    }
  });
});

describe('the notice stream', () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  const answer = (body: string, status = 200) => new Response(body, { status });
  const told = (value: Notice) => `event: notice\ndata: ${JSON.stringify(value)}\n\n`;

  it('comes back with a new ticket when it is cut, and stops at the session’s end', async () => {
    const now = Date.now() * 1000;
    const bodies = [
      answer(told(notice(now))),
      answer('', 401),
      answer('event: end\ndata: {"code":"restarting","text":"x"}\n\n'),
      answer('event: end\ndata: {"code":"session-ended","text":"You ended this session."}\n\n'),
    ];
    vi.stubGlobal(
      'fetch',
      vi.fn(() => Promise.resolve(bodies.shift()!)),
    );
    const enters: boolean[] = [];
    const notices: Notice[] = [];
    const ends: string[] = [];
    const running = followNotices({
      signal: new AbortController().signal,
      enter: (_signal, again) => {
        enters.push(again);
        return Promise.resolve('/session/s/');
      },
      active: () => true,
      notice: (value) => notices.push(value),
      ended: (code, text) => ends.push(`${code}: ${text}`),
    });
    await vi.advanceTimersByTimeAsync(60_000);
    await running;
    expect(notices).toHaveLength(1);
    expect(ends).toEqual(['session-ended: You ended this session.']);
    expect(enters[0]).toBe(false);
    expect(enters.slice(1)).toEqual([true, true, true]);
    vi.unstubAllGlobals();
  });

  it('tells old notices as past', async () => {
    const old = notice(Date.now() * 1000 - 60_000_000);
    const end = 'event: end\ndata: {"code":"session-ended","text":"x"}\n\n';
    vi.stubGlobal(
      'fetch',
      vi.fn(() => Promise.resolve(answer(told(old) + told(notice(Date.now() * 1000)) + end))),
    );
    const past: boolean[] = [];
    await followNotices({
      signal: new AbortController().signal,
      enter: () => Promise.resolve('/session/s/'),
      active: () => true,
      notice: (_value, isPast) => past.push(isPast),
      ended: () => undefined,
    });
    expect(past).toEqual([true, false]);
    vi.unstubAllGlobals();
  });
});
