import type { ButtonHTMLAttributes, ComponentChildren } from 'preact';

type Look = 'primary' | 'plain' | 'quiet' | 'danger';

interface Props extends Omit<ButtonHTMLAttributes, 'icon' | 'class' | 'size'> {
  look?: Look;
  small?: boolean;
  busy?: boolean;
  icon?: ComponentChildren;
  children: ComponentChildren;
}

/** A button with words. While `busy` it stays focused and says so, but does nothing. */
export function Button({ look = 'plain', small, busy, icon, children, onClick, disabled, ...rest }: Props) {
  return (
    <button
      type="button"
      {...rest}
      class={`button ${look}${small ? ' small' : ''}`}
      disabled={disabled}
      aria-busy={busy ? 'true' : undefined}
      aria-disabled={busy ? 'true' : undefined}
      onClick={busy ? undefined : onClick}
    >
      {busy ? <span class="spinner" aria-hidden="true" /> : icon}
      <span>{children}</span>
    </button>
  );
}

interface IconButtonProps extends Omit<ButtonHTMLAttributes, 'class' | 'icon' | 'label'> {
  label: string;
  icon: ComponentChildren;
  look?: string;
}

/** A button with an icon only; its label is read and shown as a tip. */
export function IconButton({ label, icon, look = '', ...rest }: IconButtonProps) {
  return (
    <button type="button" {...rest} class={`icon-button ${look}`} aria-label={label} title={label}>
      {icon}
    </button>
  );
}
