/** The steps of a check of an image, as far as they are. */
import type { CheckedStep, ImageCheck } from '../../api/types';
import { Badge, Callout } from '../../components/feedback';
import { BlockIcon, CheckIcon, CrossIcon } from '../../components/icons';
import { Time } from '../../components/time';

const STATES: Record<CheckedStep['state'], string> = {
  waiting: 'To come',
  running: 'At work',
  passed: 'Passed',
  failed: 'Failed',
  skipped: 'Not tried',
};

function Mark({ state }: { state: CheckedStep['state'] }) {
  if (state === 'passed') return <CheckIcon />;
  if (state === 'failed') return <CrossIcon />;
  if (state === 'skipped') return <BlockIcon />;
  if (state === 'running') return <span class="spinner" aria-hidden="true" />;
  return null;
}

export function ImageCheckView({ check }: { check: ImageCheck }) {
  const over = check.finished_at !== undefined && check.finished_at !== null;
  return (
    <div class="card image-check" data-check={over ? (check.passed ? 'passed' : 'failed') : 'running'}>
      <p>
        {over ? (
          <Badge tone={check.passed ? 'ok' : 'bad'}>{check.passed ? 'Keeps the contract' : 'Fails'}</Badge>
        ) : (
          <Badge tone="info">Checking</Badge>
        )}{' '}
        on <strong>{check.node_name}</strong>, <Time at={check.finished_at ?? check.started_at} />
      </p>
      <ol class="check-steps" aria-label="Steps of the check">
        {check.steps.map((step) => (
          <li key={step.step} class={step.state} data-step={step.step}>
            <span class="step-mark">
              <Mark state={step.state} />
            </span>
            <div class="grow">
              <p>
                {step.label}
                <span class="visually-hidden">: {STATES[step.state]}</span>
              </p>
              {step.why !== undefined && step.why !== null && (
                <p class={step.state === 'failed' ? 'bad-text' : 'soft'}>{step.why}</p>
              )}
              {step.advice !== undefined && step.advice !== null && <p class="soft">{step.advice}</p>}
            </div>
          </li>
        ))}
      </ol>
      {over && check.passed === true && (
        <Callout tone="ok">
          The image does all that a workspace has to do. The session of the check is gone.
        </Callout>
      )}
    </div>
  );
}
