import { useSignal } from '@preact/signals';
import { useId } from 'preact/hooks';
import { ApiError, errorText } from '../../api/client';
import { api } from '../../api/endpoints';
import type { NodeRole } from '../../api/types';
import { Button } from '../../components/button';
import { Dialog } from '../../components/dialog';
import { Callout } from '../../components/feedback';
import { CopyIcon } from '../../components/icons';
import { ALL_ROLES, roleHint, roleWords } from '../../lib/words';

const LIFETIMES: [number, string][] = [
  [1, '1 hour'],
  [24, '1 day'],
  [168, '7 days'],
];

/** Asks what a machine is to be, then shows once what is to be run on it. */
export function AddDialog({ close }: { close: () => void }) {
  const roles = useSignal<NodeRole[]>(['agent']);
  const zone = useSignal('default');
  const hours = useSignal(24);
  const busy = useSignal(false);
  const error = useSignal<unknown>(null);
  const commands = useSignal('');
  const id = useId();
  const wrong = error.value instanceof ApiError ? error.value.fields : {};

  const make = async (event: Event) => {
    event.preventDefault();
    busy.value = true;
    error.value = null;
    try {
      const made = await api.addNode({ roles: roles.value, zone: zone.value, hours: hours.value });
      commands.value = made.commands;
    } catch (failure) {
      error.value = failure;
    }
    busy.value = false;
  };

  if (commands.value !== '') {
    return (
      <Dialog
        title="Run this on the new machine"
        onClose={close}
        actions={
          <Button look="primary" onClick={close}>
            Done
          </Button>
        }
      >
        <Commands text={commands.value} />
        <p class="soft">
          The token in it is for one machine, and over in{' '}
          {LIFETIMES.find(([value]) => value === hours.value)?.[1]}. It is shown only here and now. The
          machine appears in the list once it has joined.
        </p>
      </Dialog>
    );
  }

  const form = `${id}-form`;
  return (
    <Dialog
      title="Add node"
      onClose={close}
      actions={
        <>
          <Button onClick={close}>Cancel</Button>
          <Button type="submit" form={form} look="primary" busy={busy.value}>
            Make the join command
          </Button>
        </>
      }
    >
      <form id={form} class="node-form" onSubmit={(event) => void make(event)}>
        <fieldset>
          <legend>What it does</legend>
          {ALL_ROLES.map((role) => (
            <label key={role} class="tick">
              <input
                type="checkbox"
                checked={roles.value.includes(role)}
                onChange={(event) => {
                  const others = roles.value.filter((one) => one !== role);
                  roles.value = event.currentTarget.checked ? [...others, role] : others;
                }}
              />
              <span>
                {roleWords(role)}
                <span class="soft">{roleHint(role)}</span>
              </span>
            </label>
          ))}
          {wrong.roles !== undefined && <p class="bad-text">{wrong.roles}</p>}
        </fieldset>
        <div class="field">
          <label htmlFor={`${id}-zone`}>Zone</label>
          <input
            id={`${id}-zone`}
            value={zone.value}
            autoCapitalize="none"
            spellcheck={false}
            aria-invalid={wrong.zone === undefined ? undefined : 'true'}
            aria-describedby={`${id}-zone-words`}
            onInput={(event) => {
              zone.value = event.currentTarget.value;
            }}
          />
          <p id={`${id}-zone-words`} class={wrong.zone === undefined ? 'soft' : 'bad-text'}>
            {wrong.zone ?? 'Machines near each other share one. A new name makes a new zone.'}
          </p>
        </div>
        <div class="field">
          <label htmlFor={`${id}-hours`}>The command is good for</label>
          <select
            id={`${id}-hours`}
            value={hours.value}
            onChange={(event) => {
              hours.value = Number(event.currentTarget.value);
            }}
          >
            {LIFETIMES.map(([value, words]) => (
              <option key={value} value={value}>
                {words}
              </option>
            ))}
          </select>
        </div>
        {error.value !== null && Object.keys(wrong).length === 0 && (
          <Callout tone="bad" title="No command was made">
            {errorText(error.value)}
          </Callout>
        )}
      </form>
    </Dialog>
  );
}

function Commands({ text }: { text: string }) {
  const told = useSignal('');
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      told.value = 'Copied.';
    } catch {
      told.value = 'The browser did not let it be copied: select the text and copy it yourself.';
    }
  };
  return (
    <>
      <pre class="commands">{text}</pre>
      <div class="row-actions">
        <Button small icon={<CopyIcon />} onClick={() => void copy()}>
          Copy
        </Button>
        <span role="status" class="soft">
          {told.value}
        </span>
      </div>
    </>
  );
}
