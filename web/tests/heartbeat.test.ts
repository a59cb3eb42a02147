import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ANSWER_MS, Heartbeat, QUIET_MS } from '../src/viewers/heartbeat';

describe('Heartbeat', () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  const make = () => {
    const ask = vi.fn();
    const dead = vi.fn();
    const heart = new Heartbeat(ask, dead, () => Date.now());
    heart.start();
    return { ask, dead, heart };
  };

  it('asks after silence and calls a connection without an answer dead, once', () => {
    const { ask, dead } = make();
    vi.advanceTimersByTime(QUIET_MS - 1_000);
    expect(ask).not.toHaveBeenCalled();
    vi.advanceTimersByTime(4_000);
    expect(ask).toHaveBeenCalledOnce();
    vi.advanceTimersByTime(ANSWER_MS + 60_000);
    expect(dead).toHaveBeenCalledOnce();
    expect(ask).toHaveBeenCalledOnce();
  });

  it('is content with any answer', () => {
    const { ask, dead, heart } = make();
    for (let i = 0; i < 10; i += 1) {
      vi.advanceTimersByTime(QUIET_MS + 2_000);
      heart.heard();
    }
    expect(ask).toHaveBeenCalledTimes(10);
    expect(dead).not.toHaveBeenCalled();
  });

  it('says nothing after it was stopped', () => {
    const { ask, dead, heart } = make();
    heart.stop();
    vi.advanceTimersByTime(10 * QUIET_MS);
    expect(ask).not.toHaveBeenCalled();
    expect(dead).not.toHaveBeenCalled();
  });
});
