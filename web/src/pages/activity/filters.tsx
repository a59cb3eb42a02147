import { useSignal } from '@preact/signals';
import type { ActivityFilter } from '../../api/types';
import { Button } from '../../components/button';
import { ALL_GATES, gateWords, outcomeWords } from '../../lib/words';

const KEYS = ['gate', 'outcome', 'user', 'reference', 'kind'] as const;

/** The filter that an address asks for. */
export function filterOf(query: URLSearchParams): ActivityFilter {
  const filter: ActivityFilter = {};
  for (const key of KEYS) {
    const value = query.get(key)?.trim();
    if (value !== undefined && value !== '') filter[key] = value;
  }
  return filter;
}

/** The other way round; always in the same order. */
export function queryOf(filter: ActivityFilter): string {
  const query = new URLSearchParams();
  for (const key of KEYS) {
    const value = filter[key];
    if (value !== undefined && value !== '') query.set(key, value);
  }
  return query.toString();
}

interface Props {
  filter: ActivityFilter;
  change: (filter: ActivityFilter) => void;
  reload: () => void;
}

export function FilterBar({ filter, change, reload }: Props) {
  const user = useSignal(filter.user ?? '');
  const reference = useSignal(filter.reference ?? '');
  const set = (part: ActivityFilter) => change({ ...filter, ...part });
  const submit = (event: Event) => {
    event.preventDefault();
    const next = { ...filter, user: user.value.trim(), reference: reference.value.trim().toUpperCase() };
    if (queryOf(next) === queryOf(filter)) reload();
    else change(next);
  };
  const any = queryOf(filter) !== '';

  return (
    <form class="filters" onSubmit={submit} role="search" aria-label="Filter activity">
      <label class="field">
        <span>Kind</span>
        <select value={filter.kind ?? ''} onChange={(event) => set({ kind: event.currentTarget.value })}>
          <option value="">Everything</option>
          <option value="verdict">Verdicts</option>
          <option value="audit">Changes</option>
        </select>
      </label>
      <label class="field">
        <span>Gate</span>
        <select value={filter.gate ?? ''} onChange={(event) => set({ gate: event.currentTarget.value })}>
          <option value="">All gates</option>
          {ALL_GATES.map((gate) => (
            <option key={gate} value={gate}>
              {gateWords(gate)}
            </option>
          ))}
        </select>
      </label>
      <label class="field">
        <span>Outcome</span>
        <select
          value={filter.outcome ?? ''}
          onChange={(event) => set({ outcome: event.currentTarget.value })}
        >
          <option value="">All outcomes</option>
          {['allowed', 'redacted', 'denied', 'failed'].map((outcome) => (
            <option key={outcome} value={outcome}>
              {outcomeWords(outcome)}
            </option>
          ))}
        </select>
      </label>
      <label class="field">
        <span>User</span>
        <input
          value={user.value}
          autoCapitalize="none"
          spellcheck={false}
          onInput={(event) => {
            user.value = event.currentTarget.value;
          }}
        />
      </label>
      <label class="field">
        <span>Reference</span>
        <input
          value={reference.value}
          class="mono"
          spellcheck={false}
          onInput={(event) => {
            reference.value = event.currentTarget.value;
          }}
        />
      </label>
      <div class="filter-actions">
        <Button type="submit" look="primary">
          Search
        </Button>
        {any && (
          <Button
            look="quiet"
            onClick={() => {
              user.value = '';
              reference.value = '';
              change({});
            }}
          >
            Clear
          </Button>
        )}
      </div>
    </form>
  );
}
