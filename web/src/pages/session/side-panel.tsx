import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { Button, IconButton } from '../../components/button';
import { Callout } from '../../components/feedback';
import { CopyIcon, CrossIcon, SendIcon, StopIcon } from '../../components/icons';
import { Time } from '../../components/time';
import { plural } from '../../lib/format';
import type { Desk } from '../../session/desk';
import { FilesSection } from './files-section';
import { noticeIcon } from './toasts';

interface Props {
  desk: Desk;
  askEnd: () => void;
}

export function SidePanel({ desk, askEnd }: Props) {
  const panel = useRef<HTMLElement>(null);
  const { workspace, created_at: since } = desk.session;

  return (
    // Escape closes the panel from anywhere inside it.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions
    <aside
      class="panel"
      ref={panel}
      aria-label="Session panel"
      onKeyDown={(event) => {
        if (event.key === 'Escape') desk.closePanel();
      }}
    >
      <header class="panel-head">
        <div class="grow">
          <strong>{workspace.name}</strong>
          <span class="soft">
            since <Time at={since} />
          </span>
        </div>
        <IconButton label="Close the panel" icon={<CrossIcon />} onClick={() => desk.closePanel()} />
      </header>
      <PasteBox desk={desk} />
      <CopiedText desk={desk} />
      <FilesSection desk={desk} />
      <NoticeHistory desk={desk} />
      <footer class="panel-foot">
        <p class="soft">
          <kbd>Ctrl</kbd> <kbd>Alt</kbd> <kbd>Shift</kbd> <kbd>P</kbd> opens and closes this panel.
        </p>
        <Button look="danger" icon={<StopIcon />} onClick={askEnd}>
          End session
        </Button>
      </footer>
    </aside>
  );
}

function PasteBox({ desk }: { desk: Desk }) {
  const field = useRef<HTMLTextAreaElement>(null);
  const text = useSignal('');
  const sent = useSignal(false);
  const problem = desk.pasteProblem.value;

  useEffect(() => {
    field.current?.focus();
  }, [problem]);

  const send = () => {
    if (text.value === '') return;
    desk.sendText(text.value);
    text.value = '';
    sent.value = true;
  };

  return (
    <section aria-labelledby="paste-title">
      <h2 id="paste-title">Paste into the session</h2>
      {problem === 'refused' && (
        <Callout tone="warn" title="Your browser did not hand over the clipboard">
          Paste the text here and send it; it is pasted where you were.
        </Callout>
      )}
      {problem === 'no-text' && (
        <Callout tone="warn" title="There is no text in your clipboard">
          Only text and files can be pasted into a session.
        </Callout>
      )}
      <label class="field">
        <span class="visually-hidden">Text for the session</span>
        <textarea
          ref={field}
          rows={3}
          value={text.value}
          placeholder="Text for the session"
          spellcheck={false}
          onInput={(event) => {
            text.value = event.currentTarget.value;
            sent.value = false;
          }}
          onKeyDown={(event) => {
            if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) send();
          }}
        />
      </label>
      <div class="row">
        <Button small look="primary" icon={<SendIcon />} disabled={text.value === ''} onClick={send}>
          Send to session
        </Button>
        <span class="soft" role="status">
          {sent.value ? 'Sent. Paste it inside.' : ''}
        </span>
      </div>
    </section>
  );
}

function CopiedText({ desk }: { desk: Desk }) {
  const copied = desk.copyOut.last.value;
  const told = useSignal('');
  const copy = async () => {
    told.value = (await desk.copyOut.again())
      ? 'Copied'
      : 'Your browser refused. Select the text and copy it.';
  };
  return (
    <section aria-labelledby="copied-title">
      <h2 id="copied-title">Copied in the session</h2>
      {copied === null ? (
        <p class="soft">Text that you copy inside shows up here and in your clipboard.</p>
      ) : (
        <>
          <textarea class="copied" rows={3} readOnly value={copied.text} aria-label="Last copied text" />
          <div class="row">
            <Button small icon={<CopyIcon />} onClick={copy}>
              Copy
            </Button>
            <span class="soft" role="status">
              {told.value !== ''
                ? told.value
                : copied.state === 'copied'
                  ? 'In your clipboard'
                  : `${plural(Array.from(copied.text).length, 'character')} waiting`}
            </span>
          </div>
        </>
      )}
    </section>
  );
}

function NoticeHistory({ desk }: { desk: Desk }) {
  const list = desk.notices.value;
  return (
    <section aria-labelledby="notices-title">
      <h2 id="notices-title">Notices</h2>
      {list.length === 0 ? (
        <p class="soft">Nothing was blocked or changed since you opened this page.</p>
      ) : (
        <ul class="notices">
          {list.map((notice) => (
            <li key={notice.key} class={notice.kind}>
              {noticeIcon(notice.kind)}
              <div class="grow">
                <p>{notice.text}</p>
                <Time at={notice.at} />
              </div>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
