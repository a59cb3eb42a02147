import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { errorText } from '../../api/client';
import { api } from '../../api/endpoints';
import type { Workspace } from '../../api/types';
import { Callout, Empty, Failure, Skeleton } from '../../components/feedback';
import { GridIcon } from '../../components/icons';
import { Shell } from '../../components/shell';
import { go } from '../../router';
import { useLoad } from '../../state/load';
import { me } from '../../state/me';
import { Checklist } from './checklist';
import { EndedSessions } from './ended-sessions';
import { RunningSessions, isOver } from './running-sessions';
import { SavedHomes } from './saved-homes';
import { WorkspaceCard } from './workspace-card';

/** How often the lists are read again while the page is in front, ms. */
const REFRESH_MS = 10_000;

export function HomePage() {
  const workspaces = useLoad('workspaces', (signal) => api.workspaces(signal));
  const sessions = useLoad('sessions', (signal) => api.sessions(signal));
  const home = useLoad('home', (signal) => api.home(signal));
  const homes = useLoad('homes', (signal) => api.savedHomes(signal));
  const launching = useSignal<string | null>(null);
  const failure = useSignal<{ workspace: string; error: unknown } | null>(null);

  useEffect(() => {
    const refresh = () => {
      if (document.hidden) return;
      void sessions.reload();
      void home.reload();
      void homes.reload();
    };
    const timer = window.setInterval(refresh, REFRESH_MS);
    document.addEventListener('visibilitychange', refresh);
    return () => {
      window.clearInterval(timer);
      document.removeEventListener('visibilitychange', refresh);
    };
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the reloads never change
  }, []);

  const launch = async (workspace: Workspace) => {
    if (launching.value !== null) return;
    launching.value = workspace.id;
    failure.value = null;
    try {
      const session = await api.launch(workspace.id, crypto.randomUUID());
      go(`/sessions/${session.id}`);
    } catch (error) {
      failure.value = { workspace: workspace.name, error };
      launching.value = null;
    }
  };

  const running = sessions.state.value.at === 'here' ? sessions.state.value.value : [];
  const list = workspaces.state.value;
  const top = home.state.value;

  return (
    <Shell title="Home">
      <div class="page-head">
        <h1>Hello, {me.value?.user.name}</h1>
        <p class="soft">Launch a workspace, or go back to one that is running.</p>
      </div>
      {top.at === 'here' && (
        <Checklist home={top.value} changed={() => void Promise.all([home.reload(), workspaces.reload()])} />
      )}
      {running.some((session) => !isOver(session)) && (
        <RunningSessions sessions={running} changed={() => void sessions.reload()} />
      )}
      <section aria-labelledby="workspaces-title">
        <h2 id="workspaces-title">Workspaces</h2>
        {failure.value !== null && (
          <Callout tone="bad" title={`${failure.value.workspace} was not launched`}>
            {errorText(failure.value.error)}
          </Callout>
        )}
        {list.at === 'loading' && <Skeleton look="cards" rows={3} />}
        {list.at === 'failed' && (
          <Failure error={list.error} what="Your workspaces" retry={() => void workspaces.reload()} />
        )}
        {list.at === 'here' &&
          (list.value.length === 0 ? (
            <Empty icon={<GridIcon />} title="No workspace yet">
              <p>None of your groups has a workspace. Ask your administrator for one.</p>
            </Empty>
          ) : (
            <ul class="cards">
              {list.value.map((workspace) => (
                <WorkspaceCard
                  key={workspace.id}
                  workspace={workspace}
                  busy={launching.value === workspace.id}
                  running={running.find(
                    (session) =>
                      session.workspace.id === workspace.id && !isOver(session) && session.state !== 'ending',
                  )}
                  launch={() => void launch(workspace)}
                />
              ))}
            </ul>
          ))}
      </section>
      {homes.state.value.at === 'here' && (
        <SavedHomes homes={homes.state.value.value} changed={() => void homes.reload()} />
      )}
      {homes.state.value.at === 'failed' && (
        <Failure error={homes.state.value.error} what="Your saved homes" retry={() => void homes.reload()} />
      )}
      <EndedSessions sessions={running} />
    </Shell>
  );
}
