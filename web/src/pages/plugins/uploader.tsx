/** Uploading a version: by picker or by drag, with progress, and with errors in words. */
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { ApiError, errorText, isAbort } from '../../api/client';
import type { Uploaded } from '../../api/types';
import { MAX_PLUGIN_BYTES, type UploadHandle, uploadPlugin } from '../../api/upload';
import { Button } from '../../components/button';
import { Callout } from '../../components/feedback';
import { UploadIcon } from '../../components/icons';
import { bytes } from '../../lib/format';
import { stageWords } from '../../lib/words';

type State =
  | { at: 'idle' }
  | { at: 'sending'; name: string; share: number }
  | { at: 'failed'; name: string; error: unknown }
  | { at: 'done'; result: Uploaded };

/** What is wrong with a file before it is sent; null when nothing is. */
export function fileProblem(file: { name: string; size: number }): string | null {
  if (file.size === 0) return `${file.name} is empty.`;
  if (file.size > MAX_PLUGIN_BYTES) {
    return `${file.name} is ${bytes(file.size)}, the limit is ${bytes(MAX_PLUGIN_BYTES)}.`;
  }
  return null;
}

interface Props {
  uploaded: (result: Uploaded) => void;
}

export function Uploader({ uploaded }: Props) {
  const state = useSignal<State>({ at: 'idle' });
  const over = useSignal(false);
  const picker = useRef<HTMLInputElement>(null);
  const running = useRef<UploadHandle | null>(null);

  useEffect(() => () => running.current?.abort(), []);

  const send = async (file: File) => {
    const problem = fileProblem(file);
    if (problem !== null) {
      state.value = { at: 'failed', name: file.name, error: new ApiError(problem, 0, 'bad-file') };
      return;
    }
    state.value = { at: 'sending', name: file.name, share: 0 };
    const handle = uploadPlugin(file, (share) => {
      if (state.value.at === 'sending') state.value = { at: 'sending', name: file.name, share };
    });
    running.current = handle;
    try {
      const result = await handle.done;
      state.value = { at: 'done', result };
      uploaded(result);
    } catch (error) {
      state.value = isAbort(error) ? { at: 'idle' } : { at: 'failed', name: file.name, error };
    } finally {
      running.current = null;
      if (picker.current) picker.current.value = '';
    }
  };

  const now = state.value;
  return (
    <section class="uploader-wrap" aria-label="Upload a version">
      {/* Dropping is a second way; the button below does the same from the keyboard. */}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions */}
      <div
        class={`uploader${over.value ? ' over' : ''}`}
        role="group"
        aria-label="Drop a plugin file here"
        onDragOver={(event) => {
          event.preventDefault();
          over.value = true;
        }}
        onDragLeave={() => {
          over.value = false;
        }}
        onDrop={(event) => {
          event.preventDefault();
          over.value = false;
          const file = event.dataTransfer?.files[0];
          if (file && now.at !== 'sending') void send(file);
        }}
      >
        <UploadIcon />
        {now.at === 'sending' ? (
          <div class="grow">
            <p role="status">
              {now.share < 1 ? `Uploading ${now.name}` : `Checking ${now.name}: reading, compiling, testing`}
            </p>
            <progress
              class="bar-progress"
              max={1}
              value={now.share < 1 ? now.share : undefined}
              aria-label="Upload"
            />
          </div>
        ) : (
          <div class="grow">
            <p>
              <strong>Upload a version</strong>
            </p>
            <p class="soft">A .wasm file up to {bytes(MAX_PLUGIN_BYTES)}. Drop it here or choose it.</p>
          </div>
        )}
        <input
          ref={picker}
          class="visually-hidden"
          type="file"
          accept=".wasm,application/wasm"
          tabIndex={-1}
          aria-label="Plugin file"
          onChange={(event) => {
            const file = event.currentTarget.files?.[0];
            if (file) void send(file);
          }}
        />
        {now.at === 'sending' ? (
          <Button onClick={() => running.current?.abort()}>Cancel</Button>
        ) : (
          <Button onClick={() => picker.current?.click()}>Choose file</Button>
        )}
      </div>
      {now.at === 'failed' && <UploadFailure name={now.name} error={now.error} />}
      {now.at === 'done' && now.result.warnings.length > 0 && (
        <Callout tone="warn" title={`${now.result.version} was accepted, with remarks`}>
          <ul class="plain-list">
            {now.result.warnings.map((warning) => (
              <li key={warning}>{warning}</li>
            ))}
          </ul>
        </Callout>
      )}
    </section>
  );
}

function UploadFailure({ name, error }: { name: string; error: unknown }) {
  if (error instanceof ApiError && error.code === 'version-taken') {
    return (
      <Callout tone="bad" title="This version exists already, with other content">
        {errorText(error)} Give the plugin a new version number and build it again.
      </Callout>
    );
  }
  if (error instanceof ApiError && error.code === 'bad-plugin') {
    const words = stageWords(error.stage);
    return (
      <Callout tone="bad" title={words.title}>
        <p>{errorText(error)}</p>
        <p>{words.hint}</p>
      </Callout>
    );
  }
  return (
    <Callout tone="bad" title={`${name} was not uploaded`}>
      {errorText(error)}
    </Callout>
  );
}
