import { useSignal } from '@preact/signals';
import { errorText } from '../../api/client';
import { api } from '../../api/endpoints';
import type { Session } from '../../api/types';
import { Button } from '../../components/button';
import { Callout } from '../../components/feedback';
import { CheckIcon, PlayIcon, WarnIcon } from '../../components/icons';
import { Shell } from '../../components/shell';
import { go } from '../../router';

/** Why it is over, and what can be done now. */
export function EndedView({ session }: { session: Session }) {
  const busy = useSignal(false);
  const error = useSignal<unknown>(null);
  const failed = session.state === 'failed';
  const name = session.workspace.name;
  const text =
    [session.end?.text, session.message].find(
      (words) => words !== undefined && words !== null && words !== '',
    ) ?? (failed ? 'It could not be started.' : 'This session has ended.');

  const again = async () => {
    busy.value = true;
    error.value = null;
    try {
      const next = await api.launch(session.workspace.id, crypto.randomUUID());
      go(`/sessions/${next.id}`, { replace: true });
    } catch (failure) {
      error.value = failure;
      busy.value = false;
    }
  };

  return (
    <Shell title={failed ? `${name} was not launched` : `${name} has ended`}>
      <section class="card over" role={failed ? 'alert' : undefined}>
        <div class={`over-icon ${failed ? 'bad' : 'ok'}`}>{failed ? <WarnIcon /> : <CheckIcon />}</div>
        <h1>{failed ? `${name} could not be launched` : `${name} has ended`}</h1>
        <p class="over-text">{text}</p>
        {error.value !== null && <Callout tone="bad">{errorText(error.value)}</Callout>}
        <div class="card-actions center">
          <Button look="primary" icon={<PlayIcon />} busy={busy.value} onClick={again}>
            {failed ? 'Try again' : 'Launch again'}
          </Button>
          <a class="button" href="/">
            Workspaces
          </a>
        </div>
      </section>
    </Shell>
  );
}
