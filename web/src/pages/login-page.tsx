import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { ApiError, errorText } from '../api/client';
import { Button, IconButton } from '../components/button';
import { Callout } from '../components/feedback';
import { EyeIcon, Mark } from '../components/icons';
import { useTitle } from '../components/shell';
import { ThemeButton } from '../components/theme-button';
import { plural } from '../lib/format';
import { go, place, safeReturn } from '../router';
import { logIn, meState } from '../state/me';

/** What to say when a login failed. */
export function loginErrorText(error: unknown): string {
  if (error instanceof ApiError && error.status === 429) {
    const wait = error.retryAfter;
    return wait === undefined || wait <= 0
      ? error.message
      : `Too many tries. Wait ${wait < 120 ? plural(wait, 'second') : plural(Math.ceil(wait / 60), 'minute')} and try again.`;
  }
  if (error instanceof ApiError && error.code === 'bad-credentials') {
    return 'The user name or the password is wrong.';
  }
  return errorText(error);
}

export function LoginPage() {
  useTitle('Log in');
  const error = useSignal<unknown>(null);
  const busy = useSignal(false);
  const shown = useSignal(false);
  const password = useRef<HTMLInputElement>(null);
  const user = useRef<HTMLInputElement>(null);

  // Somebody who is logged in already has no business here.
  const known = meState.value.at === 'known';
  useEffect(() => {
    if (known) go(safeReturn(place.value.query.get('next')), { replace: true });
    else user.current?.focus();
  }, [known]);

  const submit = async (event: Event) => {
    event.preventDefault();
    if (busy.value) return;
    const name = user.current?.value.trim() ?? '';
    const secret = password.current?.value ?? '';
    if (name === '' || secret === '') {
      error.value = new ApiError('Enter your user name and your password.', 422, 'missing');
      (name === '' ? user : password).current?.focus();
      return;
    }
    busy.value = true;
    error.value = null;
    try {
      await logIn(name, secret);
    } catch (failure) {
      error.value = failure;
      busy.value = false;
      password.current?.select();
      password.current?.focus();
    }
  };

  return (
    <main class="login" id="main">
      <div class="login-side" aria-hidden="true">
        <Mark />
        <p>Your workspaces, with a gate on every path.</p>
      </div>
      <div class="login-main">
        <div class="login-theme">
          <ThemeButton />
        </div>
        <form class="login-form" onSubmit={submit} noValidate>
          <div class="login-brand">
            <Mark />
            <span>Gatewright</span>
          </div>
          <h1>Log in</h1>
          {place.value.query.has('next') && error.value === null && (
            <p class="soft">Log in to go on where you were.</p>
          )}
          {error.value !== null && <Callout tone="bad">{loginErrorText(error.value)}</Callout>}
          <label class="field">
            <span>User name</span>
            <input
              ref={user}
              name="username"
              autoComplete="username"
              autoCapitalize="none"
              spellcheck={false}
              required
            />
          </label>
          <div class="field">
            <label htmlFor="password">Password</label>
            <span class="with-button">
              <input
                id="password"
                ref={password}
                name="password"
                type="password"
                autoComplete="current-password"
                required
              />
              <IconButton
                label="Show the password"
                aria-pressed={shown.value}
                icon={<EyeIcon />}
                onClick={() => {
                  shown.value = !shown.value;
                  if (password.current) password.current.type = shown.value ? 'text' : 'password';
                }}
              />
            </span>
          </div>
          <Button type="submit" look="primary" busy={busy.value}>
            {busy.value ? 'Logging in' : 'Log in'}
          </Button>
        </form>
      </div>
    </main>
  );
}
