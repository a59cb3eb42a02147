import type { ActivityItem } from '../../api/types';
import { Badge } from '../../components/feedback';
import { bytes, label } from '../../lib/format';
import { gateWords, outcomeWords } from '../../lib/words';

const TONES: Record<string, string> = { allowed: 'ok', redacted: 'changed', denied: 'bad', failed: 'warn' };

export function OutcomeBadge({ item }: { item: ActivityItem }) {
  if (item.kind === 'audit') {
    return item.succeeded === false ? <Badge tone="bad">Refused</Badge> : <Badge>Done</Badge>;
  }
  const outcome = item.outcome ?? '';
  return <Badge tone={TONES[outcome] ?? 'neutral'}>{outcomeWords(outcome)}</Badge>;
}

/** What came to the gate, such as `text, 16 bytes`. */
export function itemWords(item: ActivityItem): string {
  const parts = [
    item.item?.name,
    item.item?.bytes === undefined || item.item.bytes === null ? undefined : bytes(item.item.bytes),
  ];
  return parts.filter((part) => part !== undefined && part !== null && part !== '').join(', ');
}

/** The first words of a row: the gate, or what was done. */
export const headWords = (item: ActivityItem): string =>
  item.kind === 'audit' ? label(item.action ?? 'Event') : gateWords(item.gate ?? '');
