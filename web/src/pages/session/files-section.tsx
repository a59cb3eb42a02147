import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { Button, IconButton } from '../../components/button';
import { Callout } from '../../components/feedback';
import { BlockIcon, CheckIcon, CrossIcon, DownloadIcon, UploadIcon } from '../../components/icons';
import { Time } from '../../components/time';
import { bytes } from '../../lib/format';
import type { Desk } from '../../session/desk';
import { bridgeDrop } from '../../session/drop';
import type { Entry, Transfer } from '../../session/transfers';

/** The Transfer folder: what goes in, what is in it, what comes out. */
export function FilesSection({ desk }: { desk: Desk }) {
  const files = desk.transfers;
  const picker = useRef<HTMLInputElement>(null);
  const zone = useRef<HTMLElement>(null);
  const hanging = useSignal(false);

  useEffect(() => {
    void files.refresh();
    if (!zone.current) return undefined;
    return bridgeDrop(
      zone.current,
      (over) => (hanging.value = over),
      (dropped) => void files.upload(dropped),
    );
  }, [files, hanging]);

  const entries = files.entries.value;
  return (
    <section aria-labelledby="files-title" class={hanging.value ? 'files hanging' : 'files'} ref={zone}>
      <h2 id="files-title">Files</h2>
      <div class="row">
        <Button small icon={<UploadIcon />} onClick={() => picker.current?.click()}>
          Upload
        </Button>
        <Button small look="quiet" onClick={() => void files.refresh()}>
          Refresh
        </Button>
        <input
          ref={picker}
          class="visually-hidden"
          type="file"
          multiple
          tabIndex={-1}
          aria-label="Files to upload"
          onChange={(event) => {
            const picked = Array.from(event.currentTarget.files ?? []);
            // The same file can be picked again.
            event.currentTarget.value = '';
            void files.upload(picked);
          }}
        />
      </div>
      {files.list.value.length > 0 && (
        <ul class="transfers" aria-label="Transfers">
          {files.list.value.map((transfer) => (
            <TransferRow key={transfer.key} transfer={transfer} cancel={() => files.cancel(transfer.key)} />
          ))}
        </ul>
      )}
      {files.error.value !== null && <Callout tone="bad">{files.error.value}</Callout>}
      {entries?.length === 0 && (
        <p class="soft">
          Drop files here or over the desktop. They go to Transfer in your home folder; what you save there
          can be downloaded here.
        </p>
      )}
      {entries !== null && entries.length > 0 && (
        <ul class="entries" aria-label="Files in Transfer">
          {entries.map((entry) => (
            <EntryRow key={entry.name} entry={entry} download={() => void files.download(entry)} />
          ))}
        </ul>
      )}
    </section>
  );
}

function TransferRow({ transfer, cancel }: { transfer: Transfer; cancel: () => void }) {
  const { name, state, way, sent, size, text, rule } = transfer;
  const over = state === 'done' || state === 'failed';
  const words =
    state === 'sending'
      ? `${bytes(sent)} of ${bytes(size)}`
      : state === 'checking'
        ? 'Being checked'
        : state === 'waiting' || over
          ? text
          : '';
  return (
    <li class={state}>
      <div class="transfer-head">
        {state === 'done' && <CheckIcon />}
        {state === 'failed' && <BlockIcon />}
        <strong class="grow">{name}</strong>
        <IconButton
          label={over ? `Take ${name} off the list` : `Cancel ${name}`}
          icon={<CrossIcon />}
          onClick={cancel}
        />
      </div>
      {way === 'upload' && !over && (
        <progress
          class="bar-progress"
          max={Math.max(size, 1)}
          value={sent}
          aria-label={`Upload of ${name}`}
        />
      )}
      <p role={state === 'failed' ? 'alert' : 'status'}>{words}</p>
      {rule !== undefined && <p class="soft">Rule: {rule}</p>}
    </li>
  );
}

function EntryRow({ entry, download }: { entry: Entry; download: () => void }) {
  return (
    <li>
      <div class="grow">
        <span class="entry-name">{entry.shown}</span>
        <span class="soft">
          {entry.refused ?? (
            <>
              {bytes(entry.size)}, <Time at={entry.modified * 1_000_000} />
            </>
          )}
        </span>
      </div>
      {entry.refused === null && (
        <IconButton label={`Download ${entry.shown}`} icon={<DownloadIcon />} onClick={download} />
      )}
    </li>
  );
}
