import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { api } from '../../api/endpoints';
import type { Node } from '../../api/types';
import { Button } from '../../components/button';
import { Badge, Empty, Failure, Skeleton } from '../../components/feedback';
import { NodeIcon, PlusIcon, TrashIcon } from '../../components/icons';
import { Shell } from '../../components/shell';
import { Time } from '../../components/time';
import { bytes, count } from '../../lib/format';
import { nodeStateWords, roleWords } from '../../lib/words';
import { useLoad } from '../../state/load';
import { AddDialog } from './add-dialog';
import { RemoveDialog } from './remove-dialog';

/** How often what is shown is asked for again. */
const EVERY = 10_000;

export function NodesPage() {
  const nodes = useLoad('nodes', (signal) => api.nodes(signal));
  const adding = useSignal(false);
  const removing = useSignal<Node | null>(null);
  const list = nodes.state.value;

  const latest = useRef(nodes);
  latest.current = nodes;
  useEffect(() => {
    const timer = setInterval(() => void latest.current.reload(), EVERY);
    return () => clearInterval(timer);
  }, []);

  return (
    <Shell title="Nodes">
      <div class="page-head with-actions">
        <div>
          <h1>Nodes</h1>
          <p class="soft">The machines of this deployment: what they do, and what is left on them.</p>
        </div>
        <Button
          look="primary"
          icon={<PlusIcon />}
          onClick={() => {
            adding.value = true;
          }}
        >
          Add node
        </Button>
      </div>
      {list.at === 'loading' && <Skeleton rows={4} />}
      {list.at === 'failed' && (
        <Failure error={list.error} what="The nodes" retry={() => void nodes.reload()} />
      )}
      {list.at === 'here' &&
        (list.value.length === 0 ? (
          <Empty icon={<NodeIcon />} title="No node yet">
            <p>Add a machine with an agent, so that sessions have a place to run.</p>
          </Empty>
        ) : (
          <ul class="card list" aria-label="Nodes">
            {list.value.map((node) => (
              <NodeRow
                key={node.id}
                node={node}
                remove={() => {
                  removing.value = node;
                }}
              />
            ))}
          </ul>
        ))}
      {adding.value && (
        <AddDialog
          close={() => {
            adding.value = false;
            void nodes.reload();
          }}
        />
      )}
      {removing.value !== null && (
        <RemoveDialog
          node={removing.value}
          close={() => {
            removing.value = null;
            void nodes.reload();
          }}
        />
      )}
    </Shell>
  );
}

const TONES: Record<Node['state'], string> = {
  ready: 'ok',
  degraded: 'warn',
  silent: 'bad',
  removed: 'neutral',
};

const cores = (millicores: number): string => count(Math.round(millicores / 100) / 10);

function NodeRow({ node, remove }: { node: Node; remove: () => void }) {
  const capacity = node.capacity ?? null;
  const seen = node.seen_at ?? null;
  const removed = node.removed_at ?? null;
  const facts = [
    `Zone ${node.zone}`,
    node.engine,
    (node.runtime ?? '') === '' ? '' : `through ${node.runtime ?? ''}`,
    node.address,
    node.public_url,
  ];
  return (
    <li class="list-row node-row">
      <div class="grow">
        <h2 class="node-name">
          {node.name} <Badge tone={TONES[node.state]}>{nodeStateWords(node.state)}</Badge>
        </h2>
        <p class="soft">{node.roles.map(roleWords).join(', ')}</p>
        <p class="soft">{facts.filter((fact) => (fact ?? '') !== '').join(' · ')}</p>
        {node.devices.length > 0 && <p class="soft">Devices: {node.devices.join(', ')}</p>}
        {node.state === 'degraded' && <p>Takes no sessions: {node.degraded}.</p>}
        {node.state === 'silent' && (
          <p>
            {seen === null ? (
              'Nothing was heard of it yet.'
            ) : (
              <>
                Last heard of at <Time at={seen} look="exact" />. Look whether it runs.
              </>
            )}
          </p>
        )}
        {removed !== null && (
          <p class="soft">
            Removed at <Time at={removed} />.
          </p>
        )}
      </div>
      {capacity !== null && node.state !== 'removed' && (
        <div class="node-uses">
          <Use label="Sessions" used={capacity.sessions_used} total={capacity.sessions} words={count} />
          <Use
            label="Cores"
            used={capacity.cpu_millicores_used}
            total={capacity.cpu_millicores}
            words={cores}
          />
          <Use label="Memory" used={capacity.memory_bytes_used} total={capacity.memory_bytes} words={bytes} />
        </div>
      )}
      {!node.own && node.state !== 'removed' && (
        <Button small look="quiet" icon={<TrashIcon />} aria-label={`Remove ${node.name}`} onClick={remove}>
          Remove
        </Button>
      )}
    </li>
  );
}

function Use({
  label,
  used,
  total,
  words,
}: {
  label: string;
  used: number;
  total: number;
  words: (value: number) => string;
}) {
  return (
    <label class="node-use">
      <span>{label}</span>
      <meter value={used} max={Math.max(total, 1)} />
      <span class="soft">
        {words(used)} of {words(total)}
      </span>
    </label>
  );
}
