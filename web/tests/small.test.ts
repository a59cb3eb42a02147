import { describe, expect, it } from 'vitest';
import { fill } from '../src/api/typed';
import type { ActivityItem } from '../src/api/types';
import { auditWords } from '../src/pages/activity/words';
import { bytes, clockTime, label, micros, plural, shortDigest } from '../src/lib/format';
import { gateWords, outcomeWords, stageWords, versionStateWords } from '../src/lib/words';
import { filterOf, queryOf } from '../src/pages/activity/filters';
import { fileProblem } from '../src/pages/plugins/uploader';
import { match, safeReturn } from '../src/router';
import { keysymOf, typedDifference } from '../src/session/keysyms';
import { nextTheme } from '../src/state/theme';

describe('formats', () => {
  it('bytes', () => {
    expect([0, 1, 1023, 1024, 1536, 71 * 1024, 31 * 1024 ** 2].map(bytes)).toEqual([
      '0 bytes',
      '1 byte',
      '1,023 bytes',
      '1 KiB',
      '1.5 KiB',
      '71 KiB',
      '31 MiB',
    ]);
  });

  it('durations', () => {
    expect([412, 1500, 2_000_412].map(micros)).toEqual(['412 µs', '1.5 ms', '2 s']);
  });

  it('times carry the date only when it is not today', () => {
    const now = new Date(2026, 10, 23, 18, 0).getTime();
    expect(clockTime(now * 1000, now)).not.toContain('Nov');
    expect(clockTime((now - 86_400_000) * 1000, now)).toContain('22');
  });

  it('words', () => {
    expect(plural(1, 'rule')).toBe('1 rule');
    expect(plural(0, 'rule')).toBe('0 rules');
    expect(label('plugin.activate')).toBe('Plugin activate');
    expect(shortDigest('sha256:0123456789abcdef')).toBe('0123456789ab');
    expect(gateWords('copy-in')).toBe('Copy in');
    expect(outcomeWords('redacted')).toBe('Changed');
    expect(versionStateWords('needs-approval')).toBe('Needs approval');
  });

  it('every stage of a refused upload has words, and so has an unknown one', () => {
    const titles = ['manifest', 'imports', 'compile', 'self-test', 'new-stage', undefined].map(
      (stage) => stageWords(stage).title,
    );
    expect(new Set(titles).size).toBe(5);
    expect(stageWords('constructor').title).toBe(stageWords(undefined).title);
  });
});

describe('the router', () => {
  it('matches and decodes', () => {
    expect(match('/plugins/:name', '/plugins/dlp%2Dclipboard')).toEqual({ name: 'dlp-clipboard' });
    expect(match('/plugins/:name', '/plugins/')).toBeNull();
    expect(match('/plugins', '/plugins/')).toEqual({});
    expect(match('/plugins/:name', '/plugins/a/b')).toBeNull();
    expect(match('/plugins/:name', '/plugins/%E0%A4%A')).toBeNull();
    expect(match('/sessions/:id', '/session/x')).toBeNull();
  });

  it('never returns to another site', () => {
    expect(safeReturn('/plugins?x=1')).toBe('/plugins?x=1');
    for (const bad of [
      null,
      '',
      '//evil.example',
      '/\\evil.example',
      'https://evil.example',
      '/login',
      'x',
    ]) {
      expect(safeReturn(bad)).toBe('/');
    }
  });
});

describe('keys', () => {
  it('characters become keysyms', () => {
    expect(keysymOf('a')).toBe(0x61);
    expect(keysymOf('é')).toBe(0xe9);
    expect(keysymOf('€')).toBe(0x0100_20ac);
    expect(keysymOf('😀')).toBe(0x0101_f600);
    expect(keysymOf('\n')).toBe(0xff0d);
  });

  it('a changed field becomes key presses', () => {
    expect(typedDifference('ab', 'abc')).toEqual({ backspaces: 0, text: ['c'] });
    expect(typedDifference('abc', 'ab')).toEqual({ backspaces: 1, text: [] });
    expect(typedDifference('teh ', 'the ')).toEqual({ backspaces: 3, text: ['h', 'e', ' '] });
    expect(typedDifference('', '😀é')).toEqual({ backspaces: 0, text: ['😀', 'é'] });
  });
});

describe('smaller things', () => {
  it('a filter survives its address', () => {
    const filter = { gate: 'copy-in', user: 'demo & co' };
    expect(filterOf(new URLSearchParams(queryOf(filter)))).toEqual(filter);
    expect(filterOf(new URLSearchParams('gate=&odd=1&user=%20'))).toEqual({});
  });

  it('a file is looked at before it is sent', () => {
    expect(fileProblem({ name: 'a.wasm', size: 0 })).toContain('empty');
    expect(fileProblem({ name: 'a.wasm', size: 33 * 1024 ** 2 })).toBe(
      'a.wasm is 33 MiB, the limit is 32 MiB.',
    );
    expect(fileProblem({ name: 'a.wasm', size: 5 })).toBeNull();
  });

  it('themes go round', () => {
    expect([nextTheme('system'), nextTheme('light'), nextTheme('dark')]).toEqual(['light', 'dark', 'system']);
  });
});

describe('the words of Activity', () => {
  const audit = (part: Partial<ActivityItem>) =>
    auditWords({ kind: 'audit', workspace_name: '', ...part } as ActivityItem);

  it('keep a row short', () => {
    const digest = `sha256:${'0123456789abcdef'.repeat(4)}`;
    expect(audit({ object: 'dlp-clipboard 0.2.0', detail: digest })).toBe(
      'dlp-clipboard 0.2.0 · 0123456789ab…',
    );
    expect(audit({ object: 'session 01a2', workspace_name: 'Terminal' })).toBe('Terminal');
    expect(audit({ object: 'admin', detail: null })).toBe('admin');
  });
});

describe('paths of the API', () => {
  it('are filled in, encoded', () => {
    expect(fill('/api/v1/plugins/{name}/versions/{version}', { name: 'a/b', version: '1.0+x' })).toBe(
      '/api/v1/plugins/a%2Fb/versions/1.0%2Bx',
    );
  });
});
