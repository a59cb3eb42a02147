import { useSignal } from '@preact/signals';
import { errorText } from '../../api/client';
import { api } from '../../api/endpoints';
import type { Session } from '../../api/types';
import { Button } from '../../components/button';
import { Callout } from '../../components/feedback';
import { CheckIcon } from '../../components/icons';
import { Shell } from '../../components/shell';
import { workspaceIcon } from '../home/workspace-card';

/** The step that is under way: the first that is not done. */
export const currentStep = (session: Session): number => session.steps.findIndex((step) => !step.done);

/** The steps of a launch as they happen. */
export function LaunchView({ session }: { session: Session }) {
  const error = useSignal<unknown>(null);
  const now = currentStep(session);
  const ending = session.state === 'ending';
  const title = ending ? `Ending ${session.workspace.name}` : `Launching ${session.workspace.name}`;

  const cancel = async () => {
    error.value = null;
    try {
      await api.endSession(session.id);
    } catch (failure) {
      error.value = failure;
    }
  };

  return (
    <Shell title={title}>
      <section class="card launch" aria-labelledby="launch-title">
        <div class="launch-head">
          <div class={`workspace-icon ${session.workspace.icon}`}>
            {workspaceIcon(session.workspace.icon)}
          </div>
          <div>
            <h1 id="launch-title">{title}</h1>
            <p class="soft" role="status">
              {ending ? 'Cleaning up.' : (session.steps[now]?.label ?? 'Almost there.')}
            </p>
          </div>
        </div>
        <ol class="saga" aria-label="Steps">
          {session.steps.map((step, index) => (
            <li
              key={step.state}
              class={step.done ? 'done' : index === now && !ending ? 'now' : ''}
              aria-current={index === now && !ending ? 'step' : undefined}
            >
              <span class="saga-mark" aria-hidden="true">
                {step.done ? <CheckIcon /> : index === now && !ending ? <span class="spinner" /> : null}
              </span>
              <span>{step.label}</span>
              {step.done && <span class="visually-hidden">(done)</span>}
            </li>
          ))}
        </ol>
        {session.message !== null && session.message !== undefined && session.message !== '' && (
          <Callout tone="info">{session.message}</Callout>
        )}
        {error.value !== null && <Callout tone="bad">{errorText(error.value)}</Callout>}
        <div class="card-actions">
          {!ending && <Button onClick={cancel}>Cancel</Button>}
          <a class="button quiet" href="/">
            Back to workspaces
          </a>
        </div>
      </section>
    </Shell>
  );
}
