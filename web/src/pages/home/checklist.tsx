import { useSignal } from '@preact/signals';
import { errorText } from '../../api/client';
import { api } from '../../api/endpoints';
import type { Home } from '../../api/types';
import { Button } from '../../components/button';
import { Dialog } from '../../components/dialog';
import { Callout } from '../../components/feedback';
import { CheckIcon, ChevronIcon } from '../../components/icons';
import { may } from '../../state/me';

/** First steps on a fresh server. Folds away when all are done. */
export function Checklist({ home, changed }: { home: Home; changed: () => void }) {
  const asking = useSignal(false);
  const busy = useSignal(false);
  const error = useSignal<unknown>(null);
  const done = home.checklist.filter((item) => item.done).length;
  const total = home.checklist.length;
  const canRemove = home.examples_present && may('examples.remove');
  if (total === 0 && !canRemove) return null;
  const next = home.checklist.find((item) => !item.done);

  const remove = async () => {
    busy.value = true;
    error.value = null;
    try {
      await api.removeExamples();
      asking.value = false;
      changed();
    } catch (failure) {
      error.value = failure;
    } finally {
      busy.value = false;
    }
  };

  return (
    <section class="card checklist" aria-labelledby="checklist-title">
      <div class="checklist-head">
        <div>
          <h2 id="checklist-title">
            {done === total && total > 0 ? 'You have seen it all' : 'See what a gate does'}
          </h2>
          <p class="soft">
            {total > 0 ? `${done} of ${total} steps done.` : ''}
            {home.examples_present ? ' Everything marked Example was made for this tour.' : ''}
          </p>
        </div>
        {canRemove && (
          <Button
            small
            onClick={() => {
              asking.value = true;
            }}
          >
            Remove examples
          </Button>
        )}
      </div>
      {total > 0 && (
        <>
          <progress class="bar-progress" max={total} value={done} aria-label="Steps done" />
          <ol class="steps-list">
            {home.checklist.map((item, index) => (
              <li key={item.id} class={item.done ? 'done' : item === next ? 'next' : ''}>
                <span class="step-mark" aria-hidden="true">
                  {item.done ? <CheckIcon /> : index + 1}
                </span>
                <div class="grow">
                  {item.link !== '' && item.link !== '/' && !item.done ? (
                    <a href={item.link}>
                      {item.label}
                      <ChevronIcon />
                    </a>
                  ) : (
                    <span class="step-label">{item.label}</span>
                  )}
                  {item.done && <span class="visually-hidden"> (done)</span>}
                  {!item.done && <p class="soft">{item.hint}</p>}
                </div>
              </li>
            ))}
          </ol>
        </>
      )}
      {asking.value && (
        <Dialog
          title="Remove all examples?"
          onClose={() => {
            asking.value = false;
          }}
          actions={
            <>
              <Button
                onClick={() => {
                  asking.value = false;
                }}
              >
                Keep them
              </Button>
              <Button look="danger" busy={busy.value} onClick={remove}>
                Remove examples
              </Button>
            </>
          }
        >
          <p>
            Everything marked Example goes: workspaces, groups, rules and what belongs to them. What you made
            yourself stays.
          </p>
          {error.value !== null && <Callout tone="bad">{errorText(error.value)}</Callout>}
        </Dialog>
      )}
    </section>
  );
}
