/** Where the image of a workspace is, bringing it to a node, and checking it there. */
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { errorText } from '../../api/client';
import { api } from '../../api/endpoints';
import type { WorkspaceNode } from '../../api/types';
import { Button } from '../../components/button';
import { Badge, Callout, Failure, Skeleton } from '../../components/feedback';
import { CheckIcon, DownloadIcon } from '../../components/icons';
import { bytes, shortDigest } from '../../lib/format';
import { useLoad } from '../../state/load';

/** How often it is asked while the page is in front, ms: sooner while something comes. */
const PULLING_MS = 1_000;
const STILL_MS = 5_000;

interface Props {
  workspace: string;
  /** Asked again when another image is set. */
  image: string;
  /** A check is at work. */
  checking: boolean;
  check: (node: WorkspaceNode) => void;
}

export function NodeImages({ workspace, image, checking, check }: Props) {
  const nodes = useLoad(`nodes ${workspace} ${image}`, (signal) => api.workspaceNodes(workspace, signal));
  const error = useSignal<{ what: string; error: unknown } | null>(null);
  const busy = useSignal<string | null>(null);
  const state = nodes.state.value;
  const pulling = state.at === 'here' && state.value.some((node) => node.state === 'pulling');

  useEffect(() => {
    const timer = window.setInterval(
      () => {
        if (!document.hidden) void nodes.reload();
      },
      pulling ? PULLING_MS : STILL_MS,
    );
    return () => window.clearInterval(timer);
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the reload never changes
  }, [pulling]);

  const act = async (node: WorkspaceNode, what: string, work: () => Promise<unknown>) => {
    busy.value = node.id;
    error.value = null;
    try {
      await work();
      await nodes.reload();
    } catch (failure) {
      error.value = { what, error: failure };
    } finally {
      busy.value = null;
    }
  };

  if (state.at === 'loading') return <Skeleton rows={2} />;
  if (state.at === 'failed') {
    return <Failure error={state.error} what="The nodes" retry={() => void nodes.reload()} />;
  }
  if (state.value.length === 0) return <p class="soft">No node has joined yet.</p>;
  return (
    <>
      {error.value !== null && (
        <Callout tone="bad" title={error.value.what}>
          {errorText(error.value.error)}
        </Callout>
      )}
      <ul class="card list plugins" aria-label="Nodes">
        {state.value.map((node) => (
          <NodeRow
            key={node.id}
            node={node}
            busy={busy.value === node.id}
            checking={checking}
            pull={() => void act(node, 'It is not pulled', () => api.pullImage(workspace, node.id))}
            cancel={() =>
              void act(node, 'The pull was not broken off', () => api.cancelPull(workspace, node.id))
            }
            check={() => check(node)}
          />
        ))}
      </ul>
    </>
  );
}

interface RowProps {
  node: WorkspaceNode;
  busy: boolean;
  checking: boolean;
  pull: () => void;
  cancel: () => void;
  check: () => void;
}

function NodeRow({ node, busy, checking, pull, cancel, check }: RowProps) {
  const present = node.state === 'present';
  return (
    <li class="list-row node-image" data-node={node.name}>
      <div class="grow">
        <p>
          <strong>{node.name}</strong> <StateBadge node={node} />
        </p>
        <NodeWords node={node} />
      </div>
      <div class="row-actions">
        {node.state === 'pulling' && (
          <Button small busy={busy} onClick={cancel}>
            Cancel<span class="visually-hidden"> the pull to {node.name}</span>
          </Button>
        )}
        {(present || node.state === 'absent' || node.state === 'failed') && (
          <Button small busy={busy} icon={<DownloadIcon />} onClick={pull}>
            {present ? 'Pull again' : 'Pull'}
            <span class="visually-hidden"> to {node.name}</span>
          </Button>
        )}
        {present && (
          <Button small look="primary" icon={<CheckIcon />} disabled={checking} onClick={check}>
            Check image<span class="visually-hidden"> on {node.name}</span>
          </Button>
        )}
      </div>
    </li>
  );
}

function StateBadge({ node }: { node: WorkspaceNode }) {
  if (node.state === 'present') return <Badge tone="ok">There</Badge>;
  if (node.state === 'pulling') return <Badge tone="info">Pulling</Badge>;
  if (node.state === 'failed') return <Badge tone="bad">Pull failed</Badge>;
  if (node.state === 'absent') return <Badge tone="warn">Not there</Badge>;
  return <Badge>Unknown</Badge>;
}

function NodeWords({ node }: { node: WorkspaceNode }) {
  if (node.state === 'pulling') {
    const total = node.total_bytes ?? 0;
    const done = node.done_bytes ?? 0;
    return (
      <>
        <progress
          class="bar-progress"
          max={total > 0 ? total : 1}
          value={total > 0 ? done : undefined}
          aria-label={`Pull to ${node.name}`}
        />
        <p class="soft">
          {node.step === undefined || node.step === null || node.step === ''
            ? 'Asking the registry'
            : node.step}
          {total > 0 && ` · ${bytes(done)} of ${bytes(total)}`}
        </p>
      </>
    );
  }
  if (node.state === 'present') {
    const size = node.size_bytes ?? 0;
    return (
      <p class="soft">
        {size > 0 && `${bytes(size)} · `}
        <span class="mono">{shortDigest(node.image_id ?? '')}</span>
      </p>
    );
  }
  if (node.why !== undefined && node.why !== null) {
    return <p class={node.state === 'failed' ? 'bad-text' : 'soft'}>{node.why}</p>;
  }
  return <p class="soft">People can be placed on this node once the image is there.</p>;
}
