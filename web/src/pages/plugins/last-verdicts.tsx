import type { ActivityItem } from '../../api/types';
import { Time } from '../../components/time';
import { may } from '../../state/me';
import { OutcomeBadge, itemWords } from '../activity/words';

/** The newest verdicts that this plugin took part in. */
export function LastVerdicts({ items }: { items: ActivityItem[] }) {
  return (
    <section aria-labelledby="verdicts-title">
      <h2 id="verdicts-title">Last verdicts</h2>
      {items.length === 0 ? (
        <p class="soft">Nothing has come to this plugin yet.</p>
      ) : (
        <ul class="card list">
          {items.map((item) => (
            <li key={item.id} class="list-row">
              <OutcomeBadge item={item} />
              <div class="grow">
                <p>{item.message === '' ? itemWords(item) : item.message}</p>
                <p class="soft">
                  {item.user_name}, <Time at={item.at} />
                </p>
              </div>
              {may('activity.view') && (
                <a href={`/activity?reference=${encodeURIComponent(item.reference)}`} class="mono">
                  {item.reference}
                </a>
              )}
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
