/** What can be set of a workspace. The server says what is wrong, field by field. */
import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';
import { ApiError, errorText } from '../../api/client';
import type { WorkspaceSettings, WorkspaceWish } from '../../api/types';
import { Button } from '../../components/button';
import { Callout } from '../../components/feedback';

const MIB = 1024 ** 2;

/** What is in the fields: text, as people type it. */
interface Fields {
  name: string;
  description: string;
  icon: string;
  image: string;
  cores: string;
  memory: string;
  processes: string;
  shared: string;
  network: 'none' | 'internet';
  devices: string;
  keepHome: boolean;
  enabled: boolean;
}

/** What a new workspace begins with: enough for a desktop. */
const FRESH: Fields = {
  name: '',
  description: '',
  icon: 'desktop',
  image: '',
  cores: '1',
  memory: '1024',
  processes: '512',
  shared: '256',
  network: 'none',
  devices: '',
  keepHome: false,
  enabled: true,
};

export const fieldsOf = (workspace: WorkspaceSettings): Fields => ({
  name: workspace.name,
  description: workspace.description,
  icon: workspace.icon,
  image: workspace.image,
  cores: String(workspace.cpu_millicores / 1000),
  memory: String(workspace.memory_bytes / MIB),
  processes: String(workspace.pids),
  shared: String(workspace.shm_bytes / MIB),
  network: workspace.network,
  devices: workspace.devices.join(', '),
  keepHome: workspace.keep_home,
  enabled: workspace.enabled,
});

/** A whole number that the server can read; what is none becomes 0, which it refuses with the range. */
const whole = (text: string, unit: number): number => {
  const value = Number(text.trim().replace(',', '.'));
  return Number.isFinite(value) && value > 0 ? Math.min(Math.round(value * unit), 2 ** 31) : 0;
};
const mebibytes = (text: string): number => {
  const value = Number(text.trim().replace(',', '.'));
  return Number.isFinite(value) && value > 0 ? Math.min(Math.round(value), 2 ** 30) * MIB : 0;
};

/** Names, however they are set apart. No name has a comma or a space in it. */
const names = (text: string): string[] => text.split(/[\s,;]+/).filter((name) => name !== '');

export const wishOf = (fields: Fields): WorkspaceWish => ({
  name: fields.name.trim(),
  description: fields.description.trim(),
  icon: fields.icon,
  image: fields.image.trim(),
  cpu_millicores: whole(fields.cores, 1000),
  memory_bytes: mebibytes(fields.memory),
  pids: whole(fields.processes, 1),
  shm_bytes: mebibytes(fields.shared),
  network: fields.network,
  devices: names(fields.devices),
  keep_home: fields.keepHome,
  enabled: fields.enabled,
});

interface Props {
  /** None for a new one. */
  workspace: WorkspaceSettings | null;
  save: (wish: WorkspaceWish) => Promise<void>;
}

export function WorkspaceForm({ workspace, save }: Props) {
  const fields = useSignal<Fields>(workspace === null ? FRESH : fieldsOf(workspace));
  const busy = useSignal(false);
  const error = useSignal<unknown>(null);
  const form = useRef<HTMLFormElement>(null);
  const set = (part: Partial<Fields>) => {
    fields.value = { ...fields.value, ...part };
  };

  const wrong = error.value instanceof ApiError ? error.value.fields : {};
  // The first field to mend gets the focus.
  useEffect(() => {
    if (error.value !== null) form.current?.querySelector<HTMLElement>('[aria-invalid=true]')?.focus();
  }, [error.value]);

  const submit = async (event: Event) => {
    event.preventDefault();
    if (busy.value) return;
    busy.value = true;
    error.value = null;
    try {
      await save(wishOf(fields.value));
    } catch (failure) {
      error.value = failure;
    } finally {
      busy.value = false;
    }
  };

  const now = fields.value;
  return (
    <form ref={form} class="card workspace-form" onSubmit={submit} noValidate aria-label="Settings">
      {error.value !== null && Object.keys(wrong).length === 0 && (
        <Callout tone="bad" title="It was not saved">
          {errorText(error.value)}
        </Callout>
      )}
      <div class="form-grid">
        <Field label="Name" problem={wrong.name}>
          {(attributes) => (
            <input
              {...attributes}
              value={now.name}
              onInput={(event) => set({ name: event.currentTarget.value })}
            />
          )}
        </Field>
        <Field label="Picture" problem={wrong.icon}>
          {(attributes) => (
            <select
              {...attributes}
              value={now.icon}
              onChange={(event) => set({ icon: event.currentTarget.value })}
            >
              <option value="desktop">Desktop</option>
              <option value="terminal">Terminal</option>
              <option value="browser">Browser</option>
            </select>
          )}
        </Field>
        <Field label="Description" problem={wrong.description} wide>
          {(attributes) => (
            <input
              {...attributes}
              value={now.description}
              onInput={(event) => set({ description: event.currentTarget.value })}
            />
          )}
        </Field>
        <Field
          label="Image"
          hint="With its registry and a tag, as the engine knows it."
          problem={wrong.image}
          wide
        >
          {(attributes) => (
            <input
              {...attributes}
              class="mono"
              value={now.image}
              placeholder="registry.example.org/team/desktop:1.0"
              autoCapitalize="none"
              spellcheck={false}
              onInput={(event) => set({ image: event.currentTarget.value })}
            />
          )}
        </Field>
        <Field label="Cores" problem={wrong.cpu_millicores}>
          {(attributes) => (
            <input
              {...attributes}
              inputMode="decimal"
              value={now.cores}
              onInput={(event) => set({ cores: event.currentTarget.value })}
            />
          )}
        </Field>
        <Field label="Memory, MiB" problem={wrong.memory_bytes}>
          {(attributes) => (
            <input
              {...attributes}
              inputMode="numeric"
              value={now.memory}
              onInput={(event) => set({ memory: event.currentTarget.value })}
            />
          )}
        </Field>
        <Field label="Processes" problem={wrong.pids}>
          {(attributes) => (
            <input
              {...attributes}
              inputMode="numeric"
              value={now.processes}
              onInput={(event) => set({ processes: event.currentTarget.value })}
            />
          )}
        </Field>
        <Field label="Shared memory, MiB" problem={wrong.shm_bytes}>
          {(attributes) => (
            <input
              {...attributes}
              inputMode="numeric"
              value={now.shared}
              onInput={(event) => set({ shared: event.currentTarget.value })}
            />
          )}
        </Field>
        <Field
          label="Network"
          hint={
            now.network === 'internet'
              ? 'What leaves by the network does not pass the gates.'
              : 'It reaches nothing.'
          }
          problem={wrong.network}
          wide
        >
          {(attributes) => (
            <select
              {...attributes}
              value={now.network}
              onChange={(event) =>
                set({ network: event.currentTarget.value === 'internet' ? 'internet' : 'none' })
              }
            >
              <option value="none">None</option>
              <option value="internet">Internet</option>
            </select>
          )}
        </Field>
        <Field
          label="Devices"
          hint="By their CDI names, such as nvidia.com/gpu=all, with commas between. It runs only on nodes that have all of them, and shares them with other sessions."
          problem={wrong.devices}
          wide
        >
          {(attributes) => (
            <input
              {...attributes}
              class="mono"
              value={now.devices}
              placeholder="None"
              autoCapitalize="none"
              spellcheck={false}
              onInput={(event) => set({ devices: event.currentTarget.value })}
            />
          )}
        </Field>
        <label class="tick wide">
          <input
            type="checkbox"
            checked={now.keepHome}
            onChange={(event) => set({ keepHome: event.currentTarget.checked })}
          />
          <span>
            Keep each person's home folder between sessions
            <span class="soft">It lives on one machine. A person has one session of it at a time.</span>
          </span>
        </label>
        <label class="tick wide">
          <input
            type="checkbox"
            checked={now.enabled}
            onChange={(event) => set({ enabled: event.currentTarget.checked })}
          />
          <span>
            People can launch it
            <span class="soft">Sessions that are open go on either way.</span>
          </span>
        </label>
      </div>
      <div class="card-actions">
        <Button type="submit" look="primary" busy={busy.value}>
          {workspace === null ? 'Create workspace' : 'Save'}
        </Button>
        <a class="button quiet" href="/workspaces">
          Cancel
        </a>
      </div>
    </form>
  );
}

interface Attributes {
  id: string;
  'aria-invalid': 'true' | undefined;
  'aria-describedby': string | undefined;
}

function Field({
  label,
  hint,
  problem,
  wide,
  children,
}: {
  label: string;
  hint?: string;
  problem: string | undefined;
  wide?: boolean;
  children: (attributes: Attributes) => ComponentChildren;
}) {
  const id = useId();
  const words = problem ?? hint;
  return (
    <div class={`field${wide === true ? ' wide' : ''}`}>
      <label htmlFor={id}>{label}</label>
      {children({
        id,
        'aria-invalid': problem === undefined ? undefined : 'true',
        'aria-describedby': words === undefined ? undefined : `${id}-words`,
      })}
      {words !== undefined && (
        <p id={`${id}-words`} class={problem === undefined ? 'soft' : 'bad-text'}>
          {words}
        </p>
      )}
    </div>
  );
}
