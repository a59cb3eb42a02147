import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { errorText } from '../../api/client';
import { api } from '../../api/endpoints';
import type { ActivityFilter, ActivityItem } from '../../api/types';
import { Button } from '../../components/button';
import { Callout, Empty, Failure, Skeleton } from '../../components/feedback';
import { ActivityIcon, ShieldIcon, WarnIcon } from '../../components/icons';
import { Shell } from '../../components/shell';
import { count } from '../../lib/format';
import { go, place } from '../../router';
import { useLoad } from '../../state/load';
import { ActivityRow } from './activity-row';
import { FilterBar, filterOf, queryOf } from './filters';

export function ActivityPage() {
  const filter = filterOf(place.value.query);
  const key = queryOf(filter);
  const first = useLoad(`activity ${key}`, (signal) => api.activity(filter, undefined, signal));
  const older = useSignal<{ items: ActivityItem[]; next: number | null } | null>(null);
  const busy = useSignal(false);
  const moreError = useSignal<unknown>(null);

  useEffect(() => {
    older.value = null;
    moreError.value = null;
  }, [key, older, moreError]);

  const change = (next: ActivityFilter) => {
    const query = queryOf(next);
    go(query === '' ? '/activity' : `/activity?${query}`, { replace: true });
  };

  const state = first.state.value;
  const items = state.at === 'here' ? [...state.value.items, ...(older.value?.items ?? [])] : [];
  const next = older.value
    ? older.value.next
    : state.at === 'here'
      ? (state.value.next_before ?? null)
      : null;

  const more = async () => {
    if (next === null || busy.value) return;
    busy.value = true;
    moreError.value = null;
    try {
      const page = await api.activity(filter, next);
      older.value = {
        items: [...(older.value?.items ?? []), ...page.items],
        next: page.next_before ?? null,
      };
    } catch (error) {
      moreError.value = error;
    } finally {
      busy.value = false;
    }
  };

  return (
    <Shell title="Activity">
      <div class="page-head with-actions">
        <div>
          <h1>Activity</h1>
          <p class="soft">
            Every verdict and every change, newest first. What passed the gates is never kept here.
          </p>
        </div>
        {state.at === 'here' && (
          <RecordBadge intact={state.value.chain.intact} checked={state.value.chain.checked} />
        )}
      </div>
      <FilterBar filter={filter} change={change} reload={() => void first.reload()} />
      {state.at === 'loading' && <Skeleton rows={6} />}
      {state.at === 'failed' && (
        <Failure error={state.error} what="Activity" retry={() => void first.reload()} />
      )}
      {state.at === 'here' &&
        (items.length === 0 ? (
          <Empty
            icon={<ActivityIcon />}
            title={key === '' ? 'Nothing has happened yet' : 'Nothing fits these filters'}
          >
            {key === '' ? (
              <p>Launch a workspace and copy something; it shows up here.</p>
            ) : (
              <Button onClick={() => change({})}>Clear the filters</Button>
            )}
          </Empty>
        ) : (
          <>
            <div class="card activity">
              <div class="activity-head" aria-hidden="true">
                <span>When</span>
                <span>Who</span>
                <span>What</span>
                <span>Outcome</span>
                <span>Ref</span>
              </div>
              <ul>
                {items.map((item) => (
                  <ActivityRow key={item.seq} item={item} open={filter.reference === item.reference} />
                ))}
              </ul>
            </div>
            {moreError.value !== null && <Callout tone="bad">{errorText(moreError.value)}</Callout>}
            {next !== null && (
              <div class="center-row">
                <Button busy={busy.value} onClick={more}>
                  Show older
                </Button>
              </div>
            )}
          </>
        ))}
    </Shell>
  );
}

/** Whether nothing was changed or removed afterwards. */
function RecordBadge({ intact, checked }: { intact: boolean; checked: number }) {
  return intact ? (
    <div class="record ok" role="status">
      <ShieldIcon />
      <div>
        <strong>Record intact</strong>
        <span>{count(checked)} entries checked</span>
      </div>
    </div>
  ) : (
    <div class="record bad" role="alert">
      <WarnIcon />
      <div>
        <strong>Record broken</strong>
        <span>An entry was changed or removed. {count(checked)} checked</span>
      </div>
    </div>
  );
}
