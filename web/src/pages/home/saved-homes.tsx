import { useSignal } from '@preact/signals';
import { errorText } from '../../api/client';
import { api } from '../../api/endpoints';
import type { SavedHome } from '../../api/types';
import { Button } from '../../components/button';
import { Dialog } from '../../components/dialog';
import { Badge, Callout } from '../../components/feedback';
import { Time } from '../../components/time';

/** What the person left in home folders that are kept. Nothing where there is none. */
export function SavedHomes({ homes, changed }: { homes: SavedHome[]; changed: () => void }) {
  const asking = useSignal<SavedHome | null>(null);
  const busy = useSignal(false);
  const error = useSignal<unknown>(null);
  if (homes.length === 0) return null;

  const close = () => {
    asking.value = null;
    error.value = null;
  };
  const remove = async (home: SavedHome) => {
    if (busy.value) return;
    busy.value = true;
    error.value = null;
    try {
      await api.deleteHome(home.id);
      close();
    } catch (failure) {
      error.value = failure;
    } finally {
      busy.value = false;
    }
    changed();
  };

  return (
    <section aria-labelledby="homes-title">
      <h2 id="homes-title">Saved homes</h2>
      <ul class="card list">
        {homes.map((home) => (
          <li key={home.id} class="list-row">
            <div class="grow">
              <strong>{home.workspace_name}</strong>
              <span class="soft">
                {' '}
                since <Time at={home.created_at} />
              </span>
            </div>
            {home.in_use ? (
              <Badge tone="info">In use</Badge>
            ) : (
              <Button
                small
                onClick={() => {
                  asking.value = home;
                }}
              >
                Delete
                <span class="visually-hidden"> the saved home of {home.workspace_name}</span>
              </Button>
            )}
          </li>
        ))}
      </ul>
      {asking.value && (
        <Dialog
          title={`Delete your home in ${asking.value.workspace_name}?`}
          onClose={close}
          actions={
            <>
              <Button onClick={close}>Keep it</Button>
              <Button
                look="danger"
                busy={busy.value}
                onClick={() => asking.value && void remove(asking.value)}
              >
                Delete home
              </Button>
            </>
          }
        >
          <p>
            Everything that you left in this home folder is lost. The next launch of the workspace begins with
            an empty one.
          </p>
          {error.value !== null && <Callout tone="bad">{errorText(error.value)}</Callout>}
        </Dialog>
      )}
    </section>
  );
}
