import { errorText } from '../../api/client';
import { api } from '../../api/endpoints';
import type { Impact, Plugin, PluginVersion } from '../../api/types';
import { Button } from '../../components/button';
import { Dialog } from '../../components/dialog';
import { Badge, Callout, Skeleton } from '../../components/feedback';
import { plural } from '../../lib/format';
import { gateWords } from '../../lib/words';
import { useLoad } from '../../state/load';

interface Props {
  plugin: Plugin;
  version: PluginVersion;
  /** It is a roll back. */
  back?: boolean;
  busy: boolean;
  onClose: () => void;
  onActivate: () => void;
}

/** Shows what a version would touch before it works. */
export function ActivateDialog({ plugin, version, back, busy, onClose, onActivate }: Props) {
  const impact = useLoad(`impact ${plugin.name} ${version.version}`, (signal) =>
    api.impact(plugin.name, version.version, signal),
  );
  const state = impact.state.value;
  return (
    <Dialog
      title={
        back
          ? `Roll ${plugin.name} back to ${version.version}?`
          : `Activate ${plugin.name} ${version.version}?`
      }
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" busy={busy} disabled={state.at === 'loading'} onClick={onActivate}>
            {back ? 'Roll back' : 'Activate'}
          </Button>
        </>
      }
    >
      {state.at === 'loading' && <Skeleton rows={2} />}
      {state.at === 'failed' && (
        <Callout tone="warn" title="What it touches could not be read">
          {errorText(state.error)}
        </Callout>
      )}
      {state.at === 'here' && (
        <ImpactWords impact={state.value} active={plugin.active?.version} version={version.version} />
      )}
    </Dialog>
  );
}

function ImpactWords({
  impact,
  active,
  version,
}: {
  impact: Impact;
  active: string | undefined;
  version: string;
}) {
  const replaces = impact.replaces ?? active;
  return (
    <div class="impact">
      <p>
        {replaces !== undefined && replaces !== version
          ? `It takes the place of ${replaces} at once`
          : 'It works at once'}
        ,{' '}
        {impact.open_sessions === 0 ? (
          'and no session is open right now.'
        ) : (
          <>
            <strong>in {plural(impact.open_sessions, 'open session')} too</strong>. No session is interrupted.
          </>
        )}
      </p>
      {impact.rules.length > 0 ? (
        <>
          <h3>{plural(impact.rules.length, 'rule')}</h3>
          <ul class="plain-list impact-rules">
            {impact.rules.map((rule) => (
              <li key={rule.id}>
                <span>
                  {rule.name} <span class="soft">for {rule.target}</span>
                </span>
                <Badge>{gateWords(rule.gate)}</Badge>
              </li>
            ))}
          </ul>
        </>
      ) : (
        <p class="soft">No rule asks this plugin yet.</p>
      )}
      {impact.groups.length > 0 && (
        <>
          <h3>{plural(impact.groups.length, 'group')}</h3>
          <p>{impact.groups.join(', ')}</p>
        </>
      )}
    </div>
  );
}
