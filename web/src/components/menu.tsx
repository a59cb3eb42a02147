/** A button that opens a small menu: arrows move, Escape closes, focus returns. */
import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';

export interface MenuItem {
  label: string;
  icon?: ComponentChildren;
  act: () => void;
}

interface Props {
  label: string;
  icon: ComponentChildren;
  children: { head?: ComponentChildren; items: MenuItem[] };
}

export function MenuButton({ label, icon, children: { head, items } }: Props) {
  const open = useSignal(false);
  const root = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const id = useId();

  const entries = () => [...(list.current?.querySelectorAll<HTMLButtonElement>('[role=menuitem]') ?? [])];
  const close = () => {
    open.value = false;
    button.current?.focus();
  };

  const isOpen = open.value;
  useEffect(() => {
    if (!isOpen) return;
    entries()[0]?.focus();
    const outside = (event: Event) => {
      if (event.target instanceof Node && !root.current?.contains(event.target)) open.value = false;
    };
    document.addEventListener('pointerdown', outside);
    return () => document.removeEventListener('pointerdown', outside);
  }, [isOpen, open]);

  const keys = (event: KeyboardEvent) => {
    if (!open.value) return;
    const all = entries();
    const at = all.indexOf(document.activeElement as HTMLButtonElement);
    const moves: Record<string, number> = {
      ArrowDown: (at + 1) % all.length,
      ArrowUp: (at - 1 + all.length) % all.length,
      Home: 0,
      End: all.length - 1,
    };
    const to = moves[event.key];
    if (event.key === 'Escape') close();
    else if (event.key === 'Tab') open.value = false;
    else if (to !== undefined) all[to]?.focus();
    if (event.key === 'Escape' || to !== undefined) event.preventDefault();
  };

  return (
    // The keys belong to the menu as a whole; each entry is a button of its own.
    // eslint-disable-next-line jsx-a11y/no-static-element-interactions
    <div class="menu" ref={root} onKeyDown={keys}>
      <button
        ref={button}
        type="button"
        class="icon-button"
        aria-label={label}
        title={label}
        aria-haspopup="menu"
        aria-expanded={isOpen}
        aria-controls={isOpen ? id : undefined}
        onClick={() => {
          open.value = !open.value;
        }}
      >
        {icon}
      </button>
      {isOpen && (
        <div class="menu-popup">
          {head !== undefined && <div class="menu-head">{head}</div>}
          <div id={id} ref={list} role="menu" aria-label={label}>
            {items.map((item) => (
              <button
                key={item.label}
                type="button"
                role="menuitem"
                tabIndex={-1}
                onClick={() => {
                  close();
                  item.act();
                }}
              >
                {item.icon}
                {item.label}
              </button>
            ))}
          </div>
        </div>
      )}
    </div>
  );
}
