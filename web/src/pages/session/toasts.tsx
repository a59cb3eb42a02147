import { useEffect } from 'preact/hooks';
import type { NoticeKind } from '../../api/types';
import { Button, IconButton } from '../../components/button';
import { BlockIcon, CopyIcon, CrossIcon, EditIcon, InfoIcon, WarnIcon } from '../../components/icons';
import type { Desk } from '../../session/desk';
import { type ShownNotice, noticeRole, toastMs } from '../../session/notices';

export function noticeIcon(kind: NoticeKind) {
  if (kind === 'blocked') return <BlockIcon />;
  if (kind === 'changed') return <EditIcon />;
  if (kind === 'info') return <InfoIcon />;
  return <WarnIcon />;
}

const TITLES: Record<NoticeKind, string> = {
  blocked: 'Blocked',
  changed: 'Changed',
  info: 'Note',
  warning: 'Warning',
  ended: 'Ended',
};

function Toast({ notice, close }: { notice: ShownNotice; close: () => void }) {
  const { key } = notice;
  const after = toastMs(notice);
  useEffect(() => {
    if (after === null) return;
    const timer = window.setTimeout(close, after);
    return () => window.clearTimeout(timer);
    // eslint-disable-next-line react-hooks/exhaustive-deps -- one timer per notice
  }, [key, after]);

  return (
    <div class={`toast ${notice.kind}`} role={noticeRole(notice)} data-notice={notice.kind}>
      {noticeIcon(notice.kind)}
      <div class="grow">
        <span class="visually-hidden">{TITLES[notice.kind]}: </span>
        <span class="toast-text">{notice.text}</span>
      </div>
      <IconButton label="Dismiss" icon={<CrossIcon />} onClick={close} />
    </div>
  );
}

/** Notices over the picture, and the offer to copy where the browser wants a click. */
export function Toasts({ desk }: { desk: Desk }) {
  const copied = desk.copyOut.last.value;
  return (
    <div class="toasts">
      {desk.notices.value
        .filter((notice) => notice.toast)
        .map((notice) => (
          <Toast key={notice.key} notice={notice} close={() => desk.dismiss(notice.key)} />
        ))}
      {copied?.state === 'waiting' && !desk.panel.value && (
        <div class="toast info" role="status">
          <CopyIcon />
          <div class="grow">Text was copied in the session. Your browser wants a click to take it over.</div>
          <Button small onClick={() => void desk.copyOut.retry()}>
            Copy
          </Button>
        </div>
      )}
    </div>
  );
}
