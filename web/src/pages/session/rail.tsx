import { useSignal } from '@preact/signals';
import type { RefObject } from 'preact';
import { useEffect } from 'preact/hooks';
import { IconButton } from '../../components/button';
import {
  FitIcon,
  FullscreenIcon,
  GridIcon,
  KeyboardIcon,
  MoveIcon,
  PanelIcon,
  PauseIcon,
  ShrinkIcon,
  StopIcon,
} from '../../components/icons';
import type { Desk } from '../../session/desk';

interface Props {
  desk: Desk;
  root: RefObject<HTMLElement | null>;
  pause: () => void;
  askEnd: () => void;
}

/** In fullscreen the desktop may have keys like Escape and Ctrl+W too, where the browser allows it. */
interface KeyboardLock {
  keyboard?: { lock?: () => Promise<void>; unlock?: () => void };
}

/** The narrow bar of tools beside the desktop; at the foot on a phone. */
export function Rail({ desk, root, pause, askEnd }: Props) {
  const full = useSignal(false);
  const unread = desk.notices.value.filter((notice) => notice.unread).length;
  const canFull = document.fullscreenEnabled;

  useEffect(() => {
    const change = () => {
      full.value = document.fullscreenElement !== null;
      const { keyboard } = navigator as KeyboardLock;
      if (full.value) void keyboard?.lock?.().catch(() => undefined);
      else keyboard?.unlock?.();
    };
    document.addEventListener('fullscreenchange', change);
    return () => document.removeEventListener('fullscreenchange', change);
  }, [full]);

  const toggleFull = () => {
    const done = full.value ? document.exitFullscreen() : root.current?.requestFullscreen();
    done?.then(desk.focus, () => undefined);
  };

  return (
    <nav class="rail" aria-label="Session tools">
      <div class="rail-panel">
        <IconButton
          label={unread > 0 ? `Session panel, ${unread} new` : 'Session panel'}
          icon={<PanelIcon />}
          aria-expanded={desk.panel.value}
          onClick={() => (desk.panel.value ? desk.closePanel() : desk.openPanel())}
        />
        {unread > 0 && (
          <span class="rail-count" aria-hidden="true">
            {unread}
          </span>
        )}
      </div>
      <IconButton
        label="Keyboard"
        icon={<KeyboardIcon />}
        aria-pressed={desk.keyboard.value}
        onClick={() => desk.toggleKeyboard()}
      />
      <IconButton
        label={desk.scale.value === 'fit' ? 'Show in actual size' : 'Fit to the window'}
        icon={<FitIcon />}
        onClick={() => desk.toggleScale()}
      />
      {desk.scale.value === 'actual' && matchMedia('(pointer: coarse)').matches && (
        <IconButton
          label="Move the picture"
          icon={<MoveIcon />}
          aria-pressed={desk.panning.value}
          onClick={() => desk.togglePanning()}
        />
      )}
      {canFull && (
        <IconButton
          label={full.value ? 'Leave fullscreen' : 'Fullscreen'}
          icon={full.value ? <ShrinkIcon /> : <FullscreenIcon />}
          onClick={toggleFull}
        />
      )}
      <div class="rail-space" />
      <a
        class="icon-button"
        href="/"
        aria-label="Workspaces; the session goes on"
        title="Workspaces; the session goes on"
      >
        <GridIcon />
      </a>
      <IconButton label="Pause session" icon={<PauseIcon />} onClick={pause} />
      <IconButton label="End session" look="danger" icon={<StopIcon />} onClick={askEnd} />
    </nav>
  );
}
