/** Everybody's sessions, from outside: never what is on their screens. */
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { errorText } from '../../api/client';
import { api } from '../../api/endpoints';
import type { RunningSession } from '../../api/types';
import { Callout, Empty, Failure, Skeleton } from '../../components/feedback';
import { DesktopIcon } from '../../components/icons';
import { Shell } from '../../components/shell';
import { useLoad } from '../../state/load';
import { EndDialog } from '../session/end-dialog';
import { LogDialog } from './log-dialog';
import { SessionRow } from './session-row';

/** How often the list is read again while the page is in front, ms. */
const REFRESH_MS = 5_000;

export function SessionsPage() {
  const sessions = useLoad('running-sessions', (signal) => api.runningSessions(signal));
  const error = useSignal<unknown>(null);
  const ending = useSignal<RunningSession | null>(null);
  const reading = useSignal<RunningSession | null>(null);
  const list = sessions.state.value;

  useEffect(() => {
    const refresh = () => {
      if (!document.hidden) void sessions.reload();
    };
    const timer = window.setInterval(refresh, REFRESH_MS);
    document.addEventListener('visibilitychange', refresh);
    return () => {
      window.clearInterval(timer);
      document.removeEventListener('visibilitychange', refresh);
    };
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the reload never changes
  }, []);

  const act = async (what: () => Promise<unknown>) => {
    error.value = null;
    try {
      await what();
    } catch (failure) {
      error.value = failure;
    }
    await sessions.reload();
  };

  return (
    <Shell title="Sessions">
      <div class="page-head">
        <h1>Sessions</h1>
        <p class="soft">What runs now, for everybody. Nobody’s screen is shown here.</p>
      </div>
      {error.value !== null && <Callout tone="bad">{errorText(error.value)}</Callout>}
      {list.at === 'loading' && <Skeleton rows={4} />}
      {list.at === 'failed' && (
        <Failure error={list.error} what="The sessions" retry={() => void sessions.reload()} />
      )}
      {list.at === 'here' &&
        (list.value.length === 0 ? (
          <Empty icon={<DesktopIcon />} title="Nothing runs">
            <p>A session is here from its launch to its end.</p>
          </Empty>
        ) : (
          <ul class="card list">
            {list.value.map((session) => (
              <SessionRow
                key={session.id}
                session={session}
                turn={() =>
                  void act(() =>
                    session.paused_at === undefined
                      ? api.pauseSession(session.id)
                      : api.resumeSession(session.id),
                  )
                }
                readLog={() => {
                  reading.value = session;
                }}
                askEnd={() => {
                  ending.value = session;
                }}
              />
            ))}
          </ul>
        ))}
      {reading.value && (
        <LogDialog
          session={reading.value}
          onClose={() => {
            reading.value = null;
          }}
        />
      )}
      {ending.value && (
        <EndDialog
          name={`${ending.value.workspace} of ${ending.value.user}`}
          onCancel={() => {
            ending.value = null;
          }}
          onEnd={() => {
            const id = ending.value?.id;
            ending.value = null;
            if (id !== undefined) void act(() => api.endSession(id));
          }}
        />
      )}
    </Shell>
  );
}
