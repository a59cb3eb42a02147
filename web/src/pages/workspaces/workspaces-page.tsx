import type { WorkspaceSettings } from '../../api/types';
import { api } from '../../api/endpoints';
import { Badge, Empty, Failure, Skeleton } from '../../components/feedback';
import { ChevronIcon, GridIcon, PlusIcon } from '../../components/icons';
import { Shell } from '../../components/shell';
import { bytes, count, plural } from '../../lib/format';
import { useLoad } from '../../state/load';
import { workspaceIcon } from '../home/workspace-card';

export function WorkspacesPage() {
  const workspaces = useLoad('workspace settings', (signal) => api.workspaceSettings(signal));
  const list = workspaces.state.value;

  return (
    <Shell title="Workspaces">
      <div class="page-head with-actions">
        <div>
          <h1>Workspaces</h1>
          <p class="soft">What people can launch: an image, what it may use, and what it reaches.</p>
        </div>
        <a class="button primary" href="/workspaces/new">
          <PlusIcon />
          New workspace
        </a>
      </div>
      {list.at === 'loading' && <Skeleton rows={4} />}
      {list.at === 'failed' && (
        <Failure error={list.error} what="The workspaces" retry={() => void workspaces.reload()} />
      )}
      {list.at === 'here' &&
        (list.value.length === 0 ? (
          <Empty icon={<GridIcon />} title="No workspace yet">
            <p>Make one from an image that keeps the image contract.</p>
          </Empty>
        ) : (
          <ul class="card list plugins">
            {list.value.map((workspace) => (
              <WorkspaceRow key={workspace.id} workspace={workspace} />
            ))}
          </ul>
        ))}
    </Shell>
  );
}

/** `0.5 cores, 512 MiB`. */
export const sizeWords = (workspace: WorkspaceSettings): string =>
  `${workspace.cpu_millicores === 1000 ? '1 core' : `${count(workspace.cpu_millicores / 1000)} cores`}, ${bytes(workspace.memory_bytes)}`;

function WorkspaceRow({ workspace }: { workspace: WorkspaceSettings }) {
  const living = workspace.nodes.filter((node) => node.alive);
  const having = living.filter((node) => node.has_image);
  return (
    <li class="list-row link-row">
      <div class={`workspace-icon small ${workspace.icon}`}>{workspaceIcon(workspace.icon)}</div>
      <div class="grow">
        <a class="row-link" href={`/workspaces/${workspace.id}`}>
          {workspace.name}
        </a>
        <p class="soft image-name">{workspace.image}</p>
      </div>
      <div class="plugin-facts">
        {!workspace.enabled && <Badge tone="warn">Switched off</Badge>}
        {workspace.example && <Badge>Example</Badge>}
        {workspace.network === 'internet' ? (
          <Badge tone="warn">Internet</Badge>
        ) : (
          <Badge tone="ok">No network</Badge>
        )}
        {having.length === 0 ? (
          <Badge tone="bad">On no node</Badge>
        ) : (
          <Badge tone={having.length === living.length ? 'ok' : 'info'}>
            On {count(having.length)} of {plural(living.length, 'node')}
          </Badge>
        )}
      </div>
      <div class="plugin-usage">
        <span class="soft">{sizeWords(workspace)}</span>
      </div>
      <ChevronIcon />
    </li>
  );
}
