import { useSignal } from '@preact/signals';
import { useId } from 'preact/hooks';
import type { ActivityItem, AskedRule } from '../../api/types';
import { Badge } from '../../components/feedback';
import { ChevronIcon } from '../../components/icons';
import { Time } from '../../components/time';
import { bytes, fullTime, label, micros, shortDigest } from '../../lib/format';
import { outcomeWords } from '../../lib/words';
import { OutcomeBadge, auditWords, headWords, itemWords } from './words';

const has = (text: string | null | undefined): text is string =>
  text !== undefined && text !== null && text !== '';

/** One entry; opened it tells which rules were asked and what each said. */
export function ActivityRow({ item, open: openAtFirst }: { item: ActivityItem; open: boolean }) {
  const open = useSignal(openAtFirst);
  const id = useId();
  const what = item.kind === 'audit' ? auditWords(item) : itemWords(item);
  return (
    <li class={`activity-row${open.value ? ' open' : ''}`} data-reference={item.reference}>
      <button
        type="button"
        class="activity-line"
        aria-expanded={open.value}
        aria-controls={id}
        onClick={() => {
          open.value = !open.value;
        }}
      >
        <span class="cell when">
          <Time at={item.at} look="exact" />
        </span>
        <span class="cell who">{item.user_name}</span>
        <span class="cell what">
          <strong>{headWords(item)}</strong>
          {what !== '' && <span class="soft">{what}</span>}
        </span>
        <span class="cell outcome">
          <OutcomeBadge item={item} />
        </span>
        <span class="cell ref mono">{item.reference}</span>
        <ChevronIcon />
      </button>
      {open.value && (
        <div class="activity-detail" id={id}>
          {has(item.message) && <p class="message">{item.message}</p>}
          <dl class="facts">
            <Fact name="Time" value={fullTime(item.at)} />
            <Fact name="Groups then" value={item.groups.join(', ')} />
            <Fact name="Workspace" value={item.workspace_name} />
            <Fact name="Client" value={item.client} mono />
            <Fact name="Type" value={item.item?.media_type} mono />
            <Fact name="SHA-256" value={item.item?.sha256} mono />
            <Fact name="Size" value={item.item ? bytes(item.item.bytes) : null} />
            <Fact name="On" value={item.kind === 'audit' ? item.object : null} />
            <Fact name="Detail" value={item.kind === 'audit' ? item.detail : null} />
            <Fact name="Session" value={item.session_id} mono />
            <Fact name="Entry" value={String(item.seq)} mono />
          </dl>
          {item.kind === 'verdict' && <Rules rules={item.rules} />}
        </div>
      )}
    </li>
  );
}

function Fact({ name, value, mono }: { name: string; value: string | null | undefined; mono?: boolean }) {
  if (!has(value)) return null;
  return (
    <div>
      <dt>{name}</dt>
      <dd class={mono ? 'mono' : undefined}>{value}</dd>
    </div>
  );
}

const TONES: Record<string, string> = { allowed: 'ok', redacted: 'changed', denied: 'bad', failed: 'warn' };

function Rules({ rules }: { rules: AskedRule[] }) {
  if (rules.length === 0) return <p class="soft">No rule is set for this gate, so it is closed.</p>;
  return (
    <>
      <h2>Rules asked, in order</h2>
      <ol class="asked">
        {rules.map((rule, index) => (
          <li key={index}>
            <div class="asked-head">
              <strong>{rule.rule_name}</strong>
              <Badge tone={TONES[rule.outcome] ?? 'neutral'}>{outcomeWords(rule.outcome)}</Badge>
            </div>
            <dl class="facts">
              <Fact name="Plugin" value={[rule.plugin, rule.version].filter(has).join(' ')} />
              <Fact name="Check" value={has(rule.check) ? label(rule.check) : null} />
              <Fact name="Failure" value={rule.failure} />
              <Fact name="Took" value={micros(rule.micros)} />
              <Fact name="Configuration" value={`revision ${rule.config_revision}`} />
              <Fact name="Digest" value={has(rule.digest) ? shortDigest(rule.digest) : null} mono />
            </dl>
          </li>
        ))}
      </ol>
    </>
  );
}
