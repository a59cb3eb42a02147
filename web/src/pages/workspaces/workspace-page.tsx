import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { ApiError, errorText } from '../../api/client';
import { api } from '../../api/endpoints';
import type { ImageCheck, WorkspaceSettings } from '../../api/types';
import { Button } from '../../components/button';
import { Dialog } from '../../components/dialog';
import { Badge, Callout, Failure, Skeleton } from '../../components/feedback';
import { BackIcon, TrashIcon } from '../../components/icons';
import { Shell } from '../../components/shell';
import { go } from '../../router';
import { useLoad } from '../../state/load';
import { ImageCheckView } from './image-check';
import { NodeImages } from './node-images';
import { WorkspaceForm } from './workspace-form';

/** How often a check that is at work is asked for, ms. */
const CHECK_MS = 700;

export function NewWorkspacePage() {
  return (
    <Shell title="New workspace">
      <BackLink />
      <div class="page-head">
        <h1>New workspace</h1>
        <p class="soft">Its image has to keep the image contract. Once it is made, you can check it here.</p>
      </div>
      <WorkspaceForm
        workspace={null}
        save={async (wish) => {
          const made = await api.createWorkspace(wish);
          go(`/workspaces/${made.id}`, { replace: true });
        }}
      />
    </Shell>
  );
}

export function WorkspacePage({ id }: { id: string }) {
  const load = useLoad(`workspace ${id}`, (signal) => api.workspaceSetting(id, signal));
  const told = useSignal('');
  const asking = useSignal(false);

  const state = load.state.value;
  if (state.at !== 'here') {
    return (
      <Shell title="Workspace">
        <BackLink />
        {state.at === 'loading' ? (
          <Skeleton rows={5} />
        ) : (
          <Failure whole error={state.error} what="This workspace" retry={() => void load.reload()} />
        )}
      </Shell>
    );
  }

  const workspace = state.value;
  return (
    <Shell title={workspace.name}>
      <BackLink />
      <div class="page-head with-actions">
        <div>
          <h1>{workspace.name}</h1>
          <p class="badges">
            {workspace.example && <Badge>Example</Badge>}
            {!workspace.enabled && <Badge tone="warn">Switched off</Badge>}
          </p>
        </div>
        <Button
          look="danger"
          icon={<TrashIcon />}
          onClick={() => {
            asking.value = true;
          }}
        >
          Delete
        </Button>
      </div>
      {told.value !== '' && <Callout tone="ok">{told.value}</Callout>}

      <section aria-labelledby="settings-title">
        <h2 id="settings-title">Settings</h2>
        <WorkspaceForm
          workspace={workspace}
          save={async (wish) => {
            told.value = '';
            load.set(await api.changeWorkspace(id, wish));
            told.value = 'Saved. It holds for sessions that are launched from now on.';
          }}
        />
      </section>

      <ImageSection workspace={workspace} />

      {asking.value && (
        <DeleteDialog
          workspace={workspace}
          close={() => {
            asking.value = false;
          }}
        />
      )}
    </Shell>
  );
}

function ImageSection({ workspace }: { workspace: WorkspaceSettings }) {
  const last = useLoad<ImageCheck | null>(`check ${workspace.id}`, (signal) =>
    api.lastCheck(workspace.id, signal),
  );
  const error = useSignal<unknown>(null);
  const check = last.state.value.at === 'here' ? last.state.value.value : null;
  const checking = check !== null && (check.finished_at === undefined || check.finished_at === null);

  useEffect(() => {
    if (!checking) return;
    const timer = window.setInterval(() => void last.reload(), CHECK_MS);
    return () => window.clearInterval(timer);
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the reload never changes
  }, [checking]);

  const begin = async (node: string) => {
    error.value = null;
    try {
      last.set(await api.checkImage(workspace.id, node));
    } catch (failure) {
      error.value = failure;
    }
  };

  return (
    <section aria-labelledby="image-title">
      <h2 id="image-title">On the nodes</h2>
      <p class="soft">
        <span class="image-name">{workspace.image}</span>. A check makes a session of it on a node, looks at
        it, and removes it.
      </p>
      {error.value !== null && (
        <Callout tone="bad" title="It is not checked">
          {errorText(error.value)}
        </Callout>
      )}
      <NodeImages
        workspace={workspace.id}
        image={workspace.image}
        checking={checking}
        check={(node) => void begin(node.id)}
      />
      {last.state.value.at === 'failed' && (
        <Failure error={last.state.value.error} what="The last check" retry={() => void last.reload()} />
      )}
      {check !== null && <ImageCheckView check={check} />}
    </section>
  );
}

function DeleteDialog({ workspace, close }: { workspace: WorkspaceSettings; close: () => void }) {
  const busy = useSignal(false);
  const error = useSignal<unknown>(null);
  const inUse = error.value instanceof ApiError && error.value.code === 'in-use';

  const remove = async () => {
    busy.value = true;
    try {
      await api.deleteWorkspace(workspace.id, inUse);
      go('/workspaces', { replace: true });
    } catch (failure) {
      error.value = failure;
      busy.value = false;
    }
  };

  return (
    <Dialog
      title={`Delete ${workspace.name}?`}
      onClose={close}
      actions={
        <>
          <Button onClick={close}>Keep it</Button>
          <Button look="danger" busy={busy.value} onClick={() => void remove()}>
            {inUse ? 'End sessions and delete' : 'Delete'}
          </Button>
        </>
      }
    >
      <p>
        Nobody can launch it any more, and the rules that stand on it go with it. Its image stays on the
        nodes.
      </p>
      {error.value !== null && (
        <Callout tone={inUse ? 'warn' : 'bad'} title={inUse ? 'It is in use' : 'It was not deleted'}>
          {inUse
            ? 'Sessions of it are open. What is not saved in them is lost when they end.'
            : errorText(error.value)}
        </Callout>
      )}
    </Dialog>
  );
}

function BackLink() {
  return (
    <a class="back" href="/workspaces">
      <BackIcon />
      Workspaces
    </a>
  );
}
