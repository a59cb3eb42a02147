import type { Plugin } from '../../api/types';
import { api } from '../../api/endpoints';
import { Badge, Empty, Failure, Skeleton } from '../../components/feedback';
import { ChevronIcon, PlugIcon } from '../../components/icons';
import { Shell } from '../../components/shell';
import { count, plural } from '../../lib/format';
import { kindHint, kindWords } from '../../lib/words';
import { go } from '../../router';
import { useLoad } from '../../state/load';
import { may } from '../../state/me';
import { Uploader } from './uploader';

const KIND_ORDER = ['dlp', 'placement', 'credential', 'runtime'];
const order = (kind: string) => (KIND_ORDER.indexOf(kind) + KIND_ORDER.length + 1) % (KIND_ORDER.length + 1);

export function PluginsPage() {
  const plugins = useLoad('plugins', (signal) => api.plugins(signal));
  const list = plugins.state.value;

  return (
    <Shell title="Plugins">
      <div class="page-head">
        <h1>Plugins</h1>
        <p class="soft">
          What decides at the gates, places sessions, unlocks and runs them. A new version is uploaded,
          checked, and works only once it is activated.
        </p>
      </div>
      {may('plugins.upload') && (
        <Uploader
          uploaded={(result) => {
            void plugins.reload();
            go(`/plugins/${encodeURIComponent(result.plugin.name)}`);
          }}
        />
      )}
      {list.at === 'loading' && <Skeleton rows={4} />}
      {list.at === 'failed' && (
        <Failure error={list.error} what="The plugins" retry={() => void plugins.reload()} />
      )}
      {list.at === 'here' &&
        (list.value.length === 0 ? (
          <Empty icon={<PlugIcon />} title="No plugin yet">
            <p>Upload one to open the first gate.</p>
          </Empty>
        ) : (
          <ul class="card list plugins">
            {[...list.value]
              .sort((a, b) => order(a.kind) - order(b.kind) || a.name.localeCompare(b.name))
              .map((plugin) => (
                <PluginRow key={plugin.name} plugin={plugin} />
              ))}
          </ul>
        ))}
    </Shell>
  );
}

function PluginRow({ plugin }: { plugin: Plugin }) {
  const waiting = plugin.versions.filter((version) => version.state === 'ready').length;
  const approval = plugin.versions.some((version) => version.state === 'needs-approval');
  const { verdicts } = plugin;
  const total = verdicts.allowed + verdicts.redacted + verdicts.denied + verdicts.failed;
  return (
    <li class="list-row link-row">
      <div class="plugin-icon">
        <PlugIcon />
      </div>
      <div class="grow">
        <a class="row-link" href={`/plugins/${encodeURIComponent(plugin.name)}`}>
          {plugin.name}
        </a>
        <p class="soft">
          {kindWords(plugin.kind)}
          <span class="wide-only"> · {kindHint(plugin.kind)}</span>
        </p>
      </div>
      <div class="plugin-facts">
        {plugin.active ? (
          <Badge tone="ok">{plugin.active.version} active</Badge>
        ) : (
          <Badge tone="warn">Not active</Badge>
        )}
        {waiting > 0 && <Badge tone="info">{count(waiting)} ready</Badge>}
        {approval && <Badge tone="warn">Needs approval</Badge>}
        {verdicts.failed > 0 && <Badge tone="bad">{count(verdicts.failed)} failed</Badge>}
      </div>
      <div class="plugin-usage soft">
        <span>{plugin.kind === 'dlp' ? plural(plugin.used_by.length, 'rule') : ''}</span>
        <span>{plugin.kind === 'dlp' ? `${plural(total, 'verdict')} in 24 h` : ''}</span>
      </div>
      <ChevronIcon />
    </li>
  );
}
