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
export function itemWords({ item }: ActivityItem): string {
  if (!item) return '';
  return item.name === '' ? bytes(item.bytes) : `${item.name}, ${bytes(item.bytes)}`;
}

/** What was changed, short enough for a row: a workspace rather than a session's id, digests as their beginning. */
export function auditWords(item: ActivityItem): string {
  const object = item.workspace_name === '' ? item.object : item.workspace_name;
  return [object, item.detail]
    .filter((part) => part !== undefined && part !== null && part !== '')
    .join(' · ')
    .replace(/sha256:([0-9a-f]{12})[0-9a-f]{52}/g, '$1…');
}

/** The first words of a row: the gate, or what was done. */
export const headWords = (item: ActivityItem): string =>
  item.kind === 'audit' ? label(item.action ?? 'Event') : gateWords(item.gate ?? '');
