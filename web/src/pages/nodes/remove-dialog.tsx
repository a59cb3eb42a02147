import { useSignal } from '@preact/signals';
import { errorText } from '../../api/client';
import { api } from '../../api/endpoints';
import type { Node } from '../../api/types';
import { Button } from '../../components/button';
import { Dialog } from '../../components/dialog';
import { Callout } from '../../components/feedback';
import { plural } from '../../lib/format';

export function RemoveDialog({ node, close }: { node: Node; close: () => void }) {
  const busy = useSignal(false);
  const error = useSignal<unknown>(null);
  const sessions = node.capacity?.sessions_used ?? 0;

  const remove = async () => {
    busy.value = true;
    try {
      await api.removeNode(node.id);
      close();
    } catch (failure) {
      error.value = failure;
      busy.value = false;
    }
  };

  return (
    <Dialog
      title={`Remove ${node.name}?`}
      onClose={close}
      actions={
        <>
          <Button onClick={close}>Keep it</Button>
          <Button look="danger" busy={busy.value} onClick={() => void remove()}>
            Remove for good
          </Button>
        </>
      }
    >
      <p>
        It is cut off within half a minute and never let in again: to bring the machine back, it has to join
        anew. Its data stays on it; remove that there yourself.
      </p>
      {sessions > 0 && (
        <Callout
          tone="warn"
          title={sessions === 1 ? 'One session ends' : `${plural(sessions, 'session')} end`}
        >
          What is not saved in them is lost.
        </Callout>
      )}
      {error.value !== null && (
        <Callout tone="bad" title="It was not removed">
          {errorText(error.value)}
        </Callout>
      )}
    </Dialog>
  );
}
