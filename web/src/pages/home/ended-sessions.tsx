import type { Session } from '../../api/types';
import { Badge } from '../../components/feedback';
import { Time } from '../../components/time';
import { isOver } from './running-sessions';
import { workspaceIcon } from './workspace-card';

/** How many are shown: what ended before them is in Activity. */
const SHOWN = 5;

/** The person's last sessions, each with what ended it. */
export function EndedSessions({ sessions }: { sessions: Session[] }) {
  const ended = sessions
    .filter(isOver)
    .sort((a, b) => (b.ended_at ?? 0) - (a.ended_at ?? 0))
    .slice(0, SHOWN);
  if (ended.length === 0) return null;
  return (
    <section aria-labelledby="ended-title">
      <h2 id="ended-title">Ended lately</h2>
      <ul class="card list">
        {ended.map((session) => (
          <li key={session.id} class="list-row">
            <div class={`workspace-icon small ${session.workspace.icon}`}>
              {workspaceIcon(session.workspace.icon)}
            </div>
            <div class="grow">
              <div>
                <strong>{session.workspace.name}</strong>
                {session.ended_at !== undefined && session.ended_at !== null && (
                  <span class="soft">
                    {' '}
                    <Time at={session.ended_at} />
                  </span>
                )}
              </div>
              <div class="soft">{session.end?.text ?? 'This session has ended.'}</div>
            </div>
            {session.state === 'failed' ? <Badge tone="bad">Not launched</Badge> : <Badge>Ended</Badge>}
          </li>
        ))}
      </ul>
    </section>
  );
}
