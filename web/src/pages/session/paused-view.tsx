import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { errorText } from '../../api/client';
import { api } from '../../api/endpoints';
import type { Session } from '../../api/types';
import { Button } from '../../components/button';
import { Callout } from '../../components/feedback';
import { PauseIcon, PlayIcon } from '../../components/icons';
import { Shell } from '../../components/shell';
import { EndDialog } from './end-dialog';

/** How often it is looked whether it goes on, is over, or could not be paused, ms. */
const LOOK_MS = 5_000;

/** It stands still, and goes on when the person says so. */
export function PausedView({ session, changed }: { session: Session; changed: (session: Session) => void }) {
  const busy = useSignal(false);
  const asking = useSignal(false);
  const error = useSignal<unknown>(null);
  const name = session.workspace.name;

  useEffect(() => {
    const stop = new AbortController();
    const timer = window.setInterval(() => {
      api.session(session.id, stop.signal).then(
        (next) => {
          if (!stop.signal.aborted && (next.state !== 'ready' || next.paused_at === undefined)) changed(next);
        },
        () => undefined,
      );
    }, LOOK_MS);
    return () => {
      stop.abort();
      window.clearInterval(timer);
    };
    // eslint-disable-next-line react-hooks/exhaustive-deps -- one timer per session
  }, [session.id]);

  const act = async (what: () => Promise<Session>) => {
    busy.value = true;
    error.value = null;
    try {
      changed(await what());
    } catch (failure) {
      error.value = failure;
      busy.value = false;
    }
  };

  return (
    <Shell title={`${name} is paused`}>
      <section class="card over">
        <div class="over-icon ok">
          <PauseIcon />
        </div>
        <h1>{name} is paused</h1>
        <p class="over-text">Everything in it stands still, as you left it. Resume it to go on.</p>
        {error.value !== null && <Callout tone="bad">{errorText(error.value)}</Callout>}
        <div class="card-actions center">
          <Button
            look="primary"
            icon={<PlayIcon />}
            busy={busy.value}
            onClick={() => void act(() => api.resumeSession(session.id))}
          >
            Resume
          </Button>
          <Button
            onClick={() => {
              asking.value = true;
            }}
          >
            End
          </Button>
          <a class="button" href="/">
            Workspaces
          </a>
        </div>
      </section>
      {asking.value && (
        <EndDialog
          name={name}
          onCancel={() => {
            asking.value = false;
          }}
          onEnd={() => {
            asking.value = false;
            void act(() => api.endSession(session.id));
          }}
        />
      )}
    </Shell>
  );
}
