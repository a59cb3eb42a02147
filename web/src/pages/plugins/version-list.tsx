import type { Plugin, PluginVersion, VersionState } from '../../api/types';
import { Button, IconButton } from '../../components/button';
import { Badge } from '../../components/feedback';
import { CheckIcon, TrashIcon } from '../../components/icons';
import { Time } from '../../components/time';
import { bytes, shortDigest } from '../../lib/format';
import { versionStateWords } from '../../lib/words';
import { may } from '../../state/me';

const TONES: Record<VersionState, string> = {
  uploaded: 'neutral',
  compiling: 'info',
  'needs-approval': 'warn',
  ready: 'info',
  active: 'ok',
  failed: 'bad',
};

interface Props {
  plugin: Plugin;
  activate: (version: PluginVersion) => void;
  remove: (version: PluginVersion) => void;
}

export function VersionList({ plugin, activate, remove }: Props) {
  return (
    <ul class="card list versions">
      {plugin.versions.map((version) => {
        const active = version.state === 'active';
        return (
          <li
            key={version.version}
            class={`version${active ? ' active' : ''}`}
            data-version={version.version}
          >
            <div class="version-head">
              <strong class="version-number">{version.version}</strong>
              <Badge tone={TONES[version.state]}>{versionStateWords(version.state)}</Badge>
              {plugin.previous?.version === version.version && <Badge>Previous</Badge>}
              <div class="row-actions">
                {version.state === 'ready' && may('plugins.activate') && (
                  <Button small look="primary" icon={<CheckIcon />} onClick={() => activate(version)}>
                    Activate
                    <span class="visually-hidden"> version {version.version}</span>
                  </Button>
                )}
                {!active && may('plugins.upload') && (
                  <IconButton
                    label={`Delete version ${version.version}`}
                    icon={<TrashIcon />}
                    onClick={() => remove(version)}
                  />
                )}
              </div>
            </div>
            <p>{version.description}</p>
            {version.state_detail !== undefined &&
              version.state_detail !== null &&
              version.state_detail !== '' && (
                <p class={version.state === 'failed' ? 'bad-text' : 'soft'}>{version.state_detail}</p>
              )}
            <dl class="facts">
              <div>
                <dt>Uploaded</dt>
                <dd>
                  <Time at={version.uploaded_at} />
                  {version.uploaded_by !== '' && ` by ${version.uploaded_by}`}
                </dd>
              </div>
              {version.activated_at !== undefined && version.activated_at !== null && (
                <div>
                  <dt>Activated</dt>
                  <dd>
                    <Time at={version.activated_at} />
                  </dd>
                </div>
              )}
              <div>
                <dt>Size</dt>
                <dd>{bytes(version.size_bytes)}</dd>
              </div>
              <div>
                <dt>Built for</dt>
                <dd class="mono">{version.wit}</dd>
              </div>
              <div>
                <dt>Digest</dt>
                <dd class="mono" title={version.digest}>
                  {shortDigest(version.digest)}
                </dd>
              </div>
              <div>
                <dt>Asks for</dt>
                <dd>{version.wants.length === 0 ? 'nothing' : version.wants.join(', ')}</dd>
              </div>
            </dl>
          </li>
        );
      })}
    </ul>
  );
}
