/** Loading something from the server into a page, with its states. */
import { type Signal, useSignal } from '@preact/signals';
import { useCallback, useEffect, useRef } from 'preact/hooks';
import { isAbort } from '../api/client';

export type Load<T> = { at: 'loading' } | { at: 'failed'; error: unknown } | { at: 'here'; value: T };

export interface Loaded<T> {
  state: Signal<Load<T>>;
  /** Asks again; what is shown stays until the answer comes. */
  reload(): Promise<void>;
  /** Replaces what is shown. */
  set(value: T): void;
}

/** Loads once per `key`, and again by `reload`. A later answer never overwrites a newer one. */
export function useLoad<T>(key: string, fetcher: (signal: AbortSignal) => Promise<T>): Loaded<T> {
  const state = useSignal<Load<T>>({ at: 'loading' });
  const latest = useRef(fetcher);
  latest.current = fetcher;
  const running = useRef<AbortController | null>(null);

  const reload = useCallback(async () => {
    running.current?.abort();
    const mine = new AbortController();
    running.current = mine;
    if (state.value.at === 'failed') state.value = { at: 'loading' };
    try {
      const value = await latest.current(mine.signal);
      if (!mine.signal.aborted) state.value = { at: 'here', value };
    } catch (error) {
      if (!mine.signal.aborted && !isAbort(error)) state.value = { at: 'failed', error };
    }
  }, [state]);

  useEffect(() => {
    state.value = { at: 'loading' };
    void reload();
    return () => running.current?.abort();
  }, [key, reload, state]);

  const set = useCallback(
    (value: T) => {
      running.current?.abort();
      state.value = { at: 'here', value };
    },
    [state],
  );
  return { state, reload, set };
}
