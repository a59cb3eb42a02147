import { useSignal } from '@preact/signals';
import { errorText } from '../../api/client';
import { api } from '../../api/endpoints';
import type { Session } from '../../api/types';
import { Button } from '../../components/button';
import { Badge, Callout } from '../../components/feedback';
import { Time } from '../../components/time';
import { EndDialog } from '../session/end-dialog';
import { workspaceIcon } from './workspace-card';

export const isOver = (session: Session): boolean => session.state === 'ended' || session.state === 'failed';

export const isPaused = (session: Session): boolean =>
  session.state === 'ready' && typeof session.paused_at === 'number';

function stateBadge(session: Session) {
  if (isPaused(session)) return <Badge>Paused</Badge>;
  if (session.state === 'ready') return <Badge tone="ok">Running</Badge>;
  if (session.state === 'ending') return <Badge>Ending</Badge>;
  return <Badge tone="info">Launching</Badge>;
}

export function RunningSessions({ sessions, changed }: { sessions: Session[]; changed: () => void }) {
  const asking = useSignal<Session | null>(null);
  const error = useSignal<unknown>(null);
  const running = sessions.filter((session) => !isOver(session));

  const end = async (session: Session) => {
    asking.value = null;
    error.value = null;
    try {
      await api.endSession(session.id);
    } catch (failure) {
      error.value = failure;
    }
    changed();
  };

  const turn = async (session: Session) => {
    error.value = null;
    try {
      await (isPaused(session) ? api.resumeSession(session.id) : api.pauseSession(session.id));
    } catch (failure) {
      error.value = failure;
    }
    changed();
  };

  return (
    <section aria-labelledby="running-title">
      <h2 id="running-title">Running sessions</h2>
      {error.value !== null && <Callout tone="bad">{errorText(error.value)}</Callout>}
      <ul class="card list">
        {running.map((session) => (
          <li key={session.id} class="list-row">
            <div class={`workspace-icon small ${session.workspace.icon}`}>
              {workspaceIcon(session.workspace.icon)}
            </div>
            <div class="grow">
              <strong>{session.workspace.name}</strong>
              <span class="soft">
                {' '}
                since <Time at={session.created_at} />
              </span>
            </div>
            {stateBadge(session)}
            <div class="row-actions">
              {session.state !== 'ending' && (
                <>
                  <a class="button small primary" href={`/sessions/${session.id}`}>
                    Return
                    <span class="visually-hidden"> to {session.workspace.name}</span>
                  </a>
                  {session.state === 'ready' && (
                    <Button small onClick={() => void turn(session)}>
                      {isPaused(session) ? 'Resume' : 'Pause'}
                      <span class="visually-hidden"> {session.workspace.name}</span>
                    </Button>
                  )}
                  <Button
                    small
                    onClick={() => {
                      asking.value = session;
                    }}
                  >
                    End
                    <span class="visually-hidden"> {session.workspace.name}</span>
                  </Button>
                </>
              )}
            </div>
          </li>
        ))}
      </ul>
      {asking.value && (
        <EndDialog
          name={asking.value.workspace.name}
          onCancel={() => {
            asking.value = null;
          }}
          onEnd={() => asking.value && void end(asking.value)}
        />
      )}
    </section>
  );
}
