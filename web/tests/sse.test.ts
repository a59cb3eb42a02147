import { describe, expect, it } from 'vitest';
import { SseParser } from '../src/api/sse';

const all = (chunks: string[]) => {
  const parser = new SseParser();
  return chunks.flatMap((chunk) => parser.push(chunk));
};

describe('SseParser', () => {
  it('reads events whatever the pieces they come in', () => {
    const text =
      'event: session\ndata: {"a":1}\n\n: ping\n\nevent: notice\r\ndata: one\r\ndata: two\r\n\r\ndata:x\n\n';
    const want = [
      { event: 'session', data: '{"a":1}' },
      { event: 'notice', data: 'one\ntwo' },
      { event: 'message', data: 'x' },
    ];
    for (let size = 1; size <= text.length; size += 1) {
      const chunks = [];
      for (let at = 0; at < text.length; at += size) chunks.push(text.slice(at, at + size));
      expect(all(chunks)).toEqual(want);
    }
  });

  it('holds back what is not complete', () => {
    expect(all(['data: half'])).toEqual([]);
    expect(all(['data: half\n'])).toEqual([]);
  });

  it('ignores what it does not know', () => {
    expect(all(['id: 4\nretry: 10\nodd\n\n'])).toEqual([]);
  });
});
