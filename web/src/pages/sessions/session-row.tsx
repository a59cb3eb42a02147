import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { api } from '../../api/endpoints';
import type { RunningSession, SessionStats } from '../../api/types';
import { Button } from '../../components/button';
import { Badge } from '../../components/feedback';
import { Time } from '../../components/time';
import { bytes, micros, plural } from '../../lib/format';
import { may } from '../../state/me';

/** How often it is asked what a session uses while the page is in front, ms. */
const LOOK_MS = 5_000;

interface Props {
  session: RunningSession;
  turn: () => void;
  readLog: () => void;
  askEnd: () => void;
}

function stateBadge({ state, paused_at: pausedAt }: RunningSession) {
  if (state === 'ready')
    return pausedAt === undefined ? <Badge tone="ok">Running</Badge> : <Badge>Paused</Badge>;
  if (state === 'ending') return <Badge>Ending</Badge>;
  return <Badge tone="info">Launching</Badge>;
}

function usageWords(stats: SessionStats): string {
  const limit = stats.memory_limit_bytes === 0 ? '' : ` of ${bytes(stats.memory_limit_bytes)}`;
  return [
    `${bytes(stats.memory_bytes)}${limit} memory`,
    `${micros(stats.cpu_micros)} processor time`,
    plural(stats.pids, 'process', 'processes'),
  ].join(' · ');
}

export function SessionRow({ session, turn, readLog, askEnd }: Props) {
  const stats = useSignal<SessionStats | null>(null);
  const ready = session.state === 'ready';
  const name = `${session.workspace} of ${session.user}`;

  useEffect(() => {
    if (!ready) return;
    const stop = new AbortController();
    const look = () => {
      if (document.hidden) return;
      api.sessionStats(session.id, stop.signal).then(
        (next) => {
          stats.value = next;
        },
        () => {
          // Its node is away, or it ended: nothing is better than an old figure.
          stats.value = null;
        },
      );
    };
    look();
    const timer = window.setInterval(look, LOOK_MS);
    return () => {
      stop.abort();
      window.clearInterval(timer);
    };
  }, [session.id, ready, stats]);

  return (
    <li class="list-row">
      <div class="grow">
        <strong>{session.workspace}</strong>
        <span class="soft">
          {' '}
          of {session.user}
          {session.node === undefined ? '' : ` on ${session.node}`}, since <Time at={session.created_at} />
        </span>
        {ready && <p class="soft">{stats.value === null ? 'No figures yet' : usageWords(stats.value)}</p>}
      </div>
      {stateBadge(session)}
      <div class="row-actions">
        {ready && (
          <Button small onClick={turn}>
            {session.paused_at === undefined ? 'Pause' : 'Resume'}
            <span class="visually-hidden"> {name}</span>
          </Button>
        )}
        {ready && may('sessions.inspect') && (
          <Button small onClick={readLog}>
            Log
            <span class="visually-hidden"> of {name}</span>
          </Button>
        )}
        {session.state !== 'ending' && (
          <Button small onClick={askEnd}>
            End
            <span class="visually-hidden"> {name}</span>
          </Button>
        )}
      </div>
    </li>
  );
}
