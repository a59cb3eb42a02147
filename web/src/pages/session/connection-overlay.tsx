/** Over the last picture: connecting, reconnecting with its countdown, and what the person must decide. */
import { Button } from '../../components/button';
import { GoOnButton } from '../../components/edge-offer';
import { NetworkOffIcon, WarnIcon } from '../../components/icons';
import { plural } from '../../lib/format';
import type { Desk } from '../../session/desk';
import { secondsLeft } from '../../session/reconnect';
import { edgeOffer } from '../../state/edges';

const ANOTHER = 'This address does not answer, another one does. You stay logged in.';

export function ConnectionOverlay({ desk, broken }: { desk: Desk; broken: boolean }) {
  const connection = desk.connection.value;
  const state = connection?.state.value;
  const gone = edgeOffer.value?.why === 'gone' ? edgeOffer.value : null;
  if (broken) {
    return (
      <div class="overlay" role="alert">
        <WarnIcon />
        <h2>The viewer could not be loaded</h2>
        <p>Check your network, then reload this page. Your session goes on.</p>
        <Button look="primary" onClick={() => location.reload()}>
          Reload
        </Button>
      </div>
    );
  }
  if (!connection || !state || state.at === 'connecting') {
    return (
      <div class="overlay" role="status">
        <span class="spinner large" aria-hidden="true" />
        <h2>Connecting</h2>
      </div>
    );
  }
  if (state.at === 'reconnecting') {
    const left = secondsLeft(state, connection.now.value);
    return (
      <div class="overlay veil">
        <NetworkOffIcon />
        <div role="status">
          <h2>Reconnecting</h2>
        </div>
        <p>The connection was lost. Your session goes on.</p>
        {/* The number changes each second: shown, but not read out. */}
        <p class="countdown" aria-hidden="true">
          Trying for {plural(left, 'more second')}
        </p>
        <progress class="bar-progress" max={60} value={left} aria-label="Time left to reconnect" />
        {gone && <p>{ANOTHER}</p>}
        <div class="card-actions center">
          {gone && <GoOnButton offer={gone} />}
          <Button onClick={() => connection.tryNow()}>Try now</Button>
        </div>
      </div>
    );
  }
  if (state.at === 'stopped') {
    return (
      <div class="overlay veil" role="alert">
        <WarnIcon />
        <h2>Not connected</h2>
        <p>{state.text}</p>
        {gone && <p>{ANOTHER}</p>}
        <div class="card-actions center">
          {gone && <GoOnButton offer={gone} />}
          <Button look={gone ? 'plain' : 'primary'} onClick={() => connection.tryNow()}>
            Reconnect
          </Button>
          <a class="button" href="/">
            Workspaces
          </a>
        </div>
      </div>
    );
  }
  if (state.at === 'taken-over') {
    return (
      <div class="overlay veil" role="alert">
        <h2>Open in another place</h2>
        <p>This session was opened in another window or on another device.</p>
        <div class="card-actions center">
          <Button look="primary" onClick={() => connection.tryNow()}>
            Use it here
          </Button>
          <a class="button" href="/">
            Workspaces
          </a>
        </div>
      </div>
    );
  }
  return null;
}
