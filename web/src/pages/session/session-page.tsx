/** One session: its launch, then its desktop, then its end. */
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { ApiError } from '../../api/client';
import { api } from '../../api/endpoints';
import type { Session } from '../../api/types';
import { Failure, Skeleton } from '../../components/feedback';
import { Shell } from '../../components/shell';
import { followSession } from '../../session/session-events';
import { Desktop } from './desktop';
import { EndedView } from './ended-view';
import { LaunchView } from './launch-view';
import { PausedView } from './paused-view';

export function SessionPage({ id }: { id: string }) {
  const session = useSignal<Session | null>(null);
  const error = useSignal<unknown>(null);
  const round = useSignal(0);
  const wait = round.value;

  useEffect(() => {
    const stop = new AbortController();
    const load = async () => {
      try {
        session.value = await api.session(id, stop.signal);
        error.value = null;
        await followSession(id, stop.signal, (next) => {
          session.value = next;
        });
      } catch (failure) {
        if (!stop.signal.aborted) error.value = failure;
      }
    };
    void load();
    return () => stop.abort();
  }, [id, wait, session, error]);

  // The connection knows first that it is over; the session's own record has the best words for it.
  const over = async (was: Session, end: { code: string; text: string }) => {
    const paused = end.code === 'paused';
    session.value = paused ? { ...was, paused_at: Date.now() * 1000 } : { ...was, state: 'ended', end };
    try {
      const record = await api.session(was.id);
      if (paused && record.state === 'ready') session.value = record;
      else if (record.end)
        session.value = { ...record, state: record.state === 'failed' ? 'failed' : 'ended' };
    } catch {
      // The words that came with the close stay.
    }
  };

  const now = session.value;
  if (now === null || (error.value instanceof ApiError && error.value.status === 404)) {
    return (
      <Shell title="Session">
        {error.value === null ? (
          <Skeleton rows={4} />
        ) : (
          <Failure
            whole
            error={error.value}
            what="This session"
            retry={() => {
              error.value = null;
              round.value += 1;
            }}
          />
        )}
      </Shell>
    );
  }
  if (now.state === 'ready' && typeof now.paused_at === 'number') {
    return (
      <PausedView
        session={now}
        changed={(next) => {
          session.value = next;
        }}
      />
    );
  }
  if (now.state === 'ready') {
    return <Desktop session={now} ended={(end) => void over(now, end)} />;
  }
  if (now.state === 'ended' || now.state === 'failed') return <EndedView session={now} />;
  return <LaunchView session={now} />;
}
