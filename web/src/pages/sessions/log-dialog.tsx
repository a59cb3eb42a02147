import { api } from '../../api/endpoints';
import type { RunningSession } from '../../api/types';
import { Button } from '../../components/button';
import { Dialog } from '../../components/dialog';
import { Failure, Skeleton } from '../../components/feedback';
import { useLoad } from '../../state/load';

/** What a session's desktop logged lately. Opening it is on the record. */
export function LogDialog({ session, onClose }: { session: RunningSession; onClose: () => void }) {
  const log = useLoad(`log-${session.id}`, (signal) => api.sessionLog(session.id, signal));
  const state = log.state.value;
  const text = state.at === 'here' ? state.value.map((piece) => piece.text).join('') : '';
  return (
    <Dialog
      title={`Log of ${session.workspace} of ${session.user}`}
      onClose={onClose}
      actions={<Button onClick={onClose}>Close</Button>}
    >
      <p class="soft">The newest lines that its desktop wrote. That you read them is in Activity.</p>
      {state.at === 'loading' && <Skeleton rows={4} />}
      {state.at === 'failed' && (
        <Failure error={state.error} what="The log" retry={() => void log.reload()} />
      )}
      {state.at === 'here' &&
        (text === '' ? (
          <p>It wrote nothing.</p>
        ) : (
          // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it scrolls
          <pre class="log" tabIndex={0} aria-label="Log">
            {text}
          </pre>
        ))}
    </Dialog>
  );
}
