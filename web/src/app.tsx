/** Which page is shown. */
import { Failure, Skeleton } from './components/feedback';
import { ActivityPage } from './pages/activity/activity-page';
import { HomePage } from './pages/home/home-page';
import { LoginPage } from './pages/login-page';
import { NotFoundPage } from './pages/not-found-page';
import { NodesPage } from './pages/nodes/nodes-page';
import { PluginPage } from './pages/plugins/plugin-page';
import { PluginsPage } from './pages/plugins/plugins-page';
import { SessionPage } from './pages/session/session-page';
import { NewWorkspacePage, WorkspacePage } from './pages/workspaces/workspace-page';
import { WorkspacesPage } from './pages/workspaces/workspaces-page';
import { SessionsPage } from './pages/sessions/sessions-page';
import { match, place } from './router';
import { loadMe, may, meState } from './state/me';

export function App() {
  const { path } = place.value;
  const state = meState.value;

  if (state.at === 'unknown') {
    return (
      <main class="lone">
        <Skeleton rows={3} />
      </main>
    );
  }
  if (state.at === 'failed') {
    return (
      <main class="lone">
        <Failure whole error={state.error} what="Gatewright" retry={() => void loadMe()} />
      </main>
    );
  }
  if (state.at === 'nobody' || path === '/login') return <LoginPage />;
  if (path === '/') return <HomePage />;
  const session = match('/sessions/:id', path)?.id;
  if (session !== undefined) return <SessionPage key={session} id={session} />;
  if (may('workspaces.manage')) {
    if (match('/workspaces', path)) return <WorkspacesPage />;
    if (match('/workspaces/new', path)) return <NewWorkspacePage />;
    const workspace = match('/workspaces/:id', path)?.id;
    if (workspace !== undefined) return <WorkspacePage key={workspace} id={workspace} />;
  }
  if (may('sessions.manage') && match('/sessions', path)) return <SessionsPage />;
  if (may('nodes.manage') && match('/nodes', path)) return <NodesPage />;
  if (may('plugins.view')) {
    if (match('/plugins', path)) return <PluginsPage />;
    const plugin = match('/plugins/:name', path)?.name;
    if (plugin !== undefined) return <PluginPage key={plugin} name={plugin} />;
  }
  if (may('activity.view') && match('/activity', path)) return <ActivityPage />;
  return <NotFoundPage />;
}
