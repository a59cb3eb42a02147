/** Another way in, where it is nearer or this one is gone. */
import { useSignal } from '@preact/signals';
import { type EdgeOffer as Offer, edgeName, edgeOffer, goOnAt, stay } from '../state/edges';
import { Button } from './button';
import { Callout } from './feedback';

/** The button that leads to the offered edge, without a second login. */
export function GoOnButton({ offer, look = 'primary' }: { offer: Offer; look?: 'primary' | 'plain' }) {
  const busy = useSignal(false);
  return (
    <Button
      look={look}
      busy={busy.value}
      onClick={() => {
        busy.value = true;
        void goOnAt(offer.edge, offer.why === 'nearer');
      }}
    >
      Continue through {edgeName(offer.edge)}
    </Button>
  );
}

/** On top of a page. */
export function EdgeOffer() {
  const offer = edgeOffer.value;
  if (offer === null) return null;
  if (offer.why === 'gone') {
    return (
      <Callout tone="warn" title="This address does not answer">
        <p>Another one does. You stay logged in, and your sessions go on.</p>
        <div class="card-actions">
          <GoOnButton offer={offer} />
        </div>
      </Callout>
    );
  }
  return (
    <Callout tone="info" title="There is a quicker way for you">
      <p>
        It answers in {ms(offer.edge.ms)}, this one in {ms(offer.hereMs)}. You stay logged in.
      </p>
      <div class="card-actions">
        <GoOnButton offer={offer} />
        <Button onClick={stay}>Stay here</Button>
      </div>
    </Callout>
  );
}

const ms = (value: number | null) => `${Math.max(1, Math.round(value ?? 0))} ms`;
