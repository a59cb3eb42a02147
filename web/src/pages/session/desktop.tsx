import { useComputed, useSignal, useSignalEffect } from '@preact/signals';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import type { Session } from '../../api/types';
import { Callout } from '../../components/feedback';
import { UploadIcon } from '../../components/icons';
import { useTitle } from '../../components/shell';
import { Desk } from '../../session/desk';
import { loadViewer } from '../../viewers/load';
import { ConnectionOverlay } from './connection-overlay';
import { EndDialog } from './end-dialog';
import { KeyBar } from './key-bar';
import { Rail } from './rail';
import { SidePanel } from './side-panel';
import { Toasts } from './toasts';

interface Props {
  session: Session;
  ended: (end: { code: string; text: string }) => void;
}

/** The running desktop, filling the window. */
export function Desktop({ session, ended }: Props) {
  useTitle(session.workspace.name);
  // eslint-disable-next-line react-hooks/exhaustive-deps -- one desk per session, whatever else changes in its record
  const desk = useMemo(() => new Desk(session), [session.id]);
  const root = useRef<HTMLDivElement>(null);
  const stage = useRef<HTMLDivElement>(null);
  const screen = useRef<HTMLDivElement>(null);
  const pasteProxy = useRef<HTMLTextAreaElement>(null);
  const touchField = useRef<HTMLTextAreaElement>(null);
  const asking = useSignal(false);
  const broken = useSignal(false);
  const state = useComputed(() => desk.connection.value?.state.value ?? null);

  useEffect(() => {
    let gone = false;
    loadViewer('vnc')
      .then((factory) => {
        const [a, b, c, d] = [stage.current, screen.current, pasteProxy.current, touchField.current];
        if (!gone && a && b && c && d)
          desk.start({ stage: a, screen: b, pasteProxy: c, touchField: d }, factory);
      })
      .catch(() => {
        broken.value = true;
      });
    return () => {
      gone = true;
      desk.dispose();
    };
  }, [desk, broken]);

  useSignalEffect(() => {
    const now = state.value;
    if (now?.at === 'connected') desk.focus();
    if (now?.at === 'ended') ended({ code: now.code, text: now.text });
  });

  // An on-screen keyboard covers the page on some phones: what is left of it is the desktop's.
  useEffect(() => {
    const viewport = window.visualViewport;
    if (!viewport) return;
    const fit = () => root.current?.style.setProperty('--visible', `${viewport.height}px`);
    viewport.addEventListener('resize', fit);
    return () => viewport.removeEventListener('resize', fit);
  }, []);

  // Leaves the desktop's keyboard: noVNC takes every other key, Tab and Escape too.
  useEffect(() => {
    const keys = (event: KeyboardEvent) => {
      if (event.ctrlKey && event.altKey && event.shiftKey && event.code === 'KeyP') {
        event.preventDefault();
        event.stopImmediatePropagation();
        if (desk.panel.value) desk.closePanel();
        else desk.openPanel();
      }
    };
    window.addEventListener('keydown', keys, { capture: true });
    return () => window.removeEventListener('keydown', keys, { capture: true });
  }, [desk]);

  return (
    <div class={`session${desk.panel.value ? ' with-panel' : ''}`} ref={root}>
      <main class="stage" ref={stage} aria-describedby="stage-help">
        <h1 class="visually-hidden">{session.workspace.name}</h1>
        <p id="stage-help" class="visually-hidden">
          The desktop takes all keys. Press Control, Alt, Shift and P together to reach the session panel.
        </p>
        <div class={`screen ${desk.scale.value}`} ref={screen} data-state={state.value?.at ?? 'loading'} />
        {desk.hanging.value && (
          <div class="overlay veil drop" aria-hidden="true">
            <UploadIcon />
            <p>Drop to upload to Transfer</p>
          </div>
        )}
        <ConnectionOverlay desk={desk} broken={broken.value} />
        <Toasts desk={desk} />
        {desk.error.value !== null && (
          <div class="stage-error">
            <Callout tone="bad">{desk.error.value}</Callout>
          </div>
        )}
        <KeyBar desk={desk} />
        <textarea
          class="offstage"
          ref={touchField}
          aria-label="Typing for the desktop"
          tabIndex={-1}
          autoCapitalize="off"
          autoComplete="off"
          autocorrect="off"
          spellcheck={false}
        />
        <textarea class="offstage" ref={pasteProxy} aria-label="Paste for the desktop" tabIndex={-1} />
      </main>
      {desk.panel.value && <SidePanel desk={desk} askEnd={() => (asking.value = true)} />}
      <Rail desk={desk} root={root} pause={() => void desk.pause()} askEnd={() => (asking.value = true)} />
      {asking.value && (
        <EndDialog
          name={session.workspace.name}
          onCancel={() => (asking.value = false)}
          onEnd={() => {
            asking.value = false;
            void desk.end();
          }}
        />
      )}
    </div>
  );
}
