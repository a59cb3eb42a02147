import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { ApiError, errorText } from '../../api/client';
import { api } from '../../api/endpoints';
import type { Plugin, PluginVersion } from '../../api/types';
import { Button } from '../../components/button';
import { Dialog } from '../../components/dialog';
import { Badge, Callout, Failure, Skeleton } from '../../components/feedback';
import { BackIcon, RollBackIcon } from '../../components/icons';
import { Shell } from '../../components/shell';
import { count } from '../../lib/format';
import { gateWords, kindHint, kindWords } from '../../lib/words';
import { useLoad } from '../../state/load';
import { may } from '../../state/me';
import { ActivateDialog } from './activate-dialog';
import { LastVerdicts } from './last-verdicts';
import { Uploader } from './uploader';
import { VersionList } from './version-list';

/** How often the page is read again while it is in front, ms. */
const REFRESH_MS = 5_000;

type Ask = { what: 'activate' | 'delete'; version: PluginVersion } | { what: 'roll-back' } | null;

export function PluginPage({ name }: { name: string }) {
  const load = useLoad(`plugin ${name}`, async (signal) => {
    const found = (await api.plugins(signal)).find((plugin) => plugin.name === name);
    if (!found) throw new ApiError('There is no plugin of this name.', 404, 'not-found');
    return found;
  });
  const ask = useSignal<Ask>(null);
  const busy = useSignal(false);
  const error = useSignal<{ what: string; error: unknown } | null>(null);
  const told = useSignal('');

  useEffect(() => {
    const timer = window.setInterval(() => {
      if (!document.hidden && !busy.value && ask.value === null) void load.reload();
    }, REFRESH_MS);
    return () => window.clearInterval(timer);
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the signals and the reload never change
  }, []);

  const act = async (what: string, words: string, work: () => Promise<Plugin | undefined>) => {
    busy.value = true;
    error.value = null;
    told.value = '';
    try {
      const plugin = await work();
      if (plugin) load.set(plugin);
      else await load.reload();
      told.value = words;
    } catch (failure) {
      error.value = { what, error: failure };
    } finally {
      busy.value = false;
      ask.value = null;
    }
  };

  const state = load.state.value;
  if (state.at !== 'here') {
    return (
      <Shell title={name}>
        <BackLink />
        {state.at === 'loading' ? (
          <Skeleton rows={5} />
        ) : (
          <Failure whole error={state.error} what="This plugin" retry={() => void load.reload()} />
        )}
      </Shell>
    );
  }

  const plugin = state.value;
  const { verdicts } = plugin;
  const asking = ask.value;
  const close = () => {
    ask.value = null;
  };

  return (
    <Shell title={plugin.name}>
      <BackLink />
      <div class="page-head with-actions">
        <div>
          <h1>{plugin.name}</h1>
          <p class="soft">
            {kindWords(plugin.kind)} · {kindHint(plugin.kind)}
          </p>
        </div>
        {plugin.previous && may('plugins.activate') && (
          <Button
            icon={<RollBackIcon />}
            onClick={() => {
              ask.value = { what: 'roll-back' };
            }}
          >
            Roll back to {plugin.previous.version}
          </Button>
        )}
      </div>

      {error.value !== null && (
        <Callout tone="bad" title={error.value.what}>
          {errorText(error.value.error)}
        </Callout>
      )}
      {told.value !== '' && <Callout tone="ok">{told.value}</Callout>}

      {plugin.kind === 'dlp' && (
        <dl class="stats" aria-label="Verdicts of the last 24 hours">
          <Stat label="Allowed" value={verdicts.allowed} tone="ok" />
          <Stat label="Changed" value={verdicts.redacted} tone="changed" />
          <Stat label="Blocked" value={verdicts.denied} tone="bad" />
          <Stat label="Failed" value={verdicts.failed} tone="warn" />
        </dl>
      )}

      <section aria-labelledby="versions-title">
        <h2 id="versions-title">Versions</h2>
        <VersionList
          plugin={plugin}
          activate={(version) => {
            ask.value = { what: 'activate', version };
          }}
          remove={(version) => {
            ask.value = { what: 'delete', version };
          }}
        />
        {may('plugins.upload') && <Uploader uploaded={() => void load.reload()} />}
      </section>

      {plugin.kind === 'dlp' && (
        <section aria-labelledby="used-title">
          <h2 id="used-title">Used by</h2>
          {plugin.used_by.length === 0 ? (
            <p class="soft">No rule asks this plugin.</p>
          ) : (
            <ul class="card list">
              {plugin.used_by.map((rule) => (
                <li key={rule.rule_id} class="list-row">
                  <div class="grow">
                    <strong>{rule.rule_name}</strong>
                    <p class="soft">for {rule.target}</p>
                  </div>
                  <Badge>{gateWords(rule.gate)}</Badge>
                </li>
              ))}
            </ul>
          )}
        </section>
      )}

      {plugin.kind === 'dlp' && <LastVerdicts items={plugin.last_verdicts} />}

      {asking?.what === 'activate' && (
        <ActivateDialog
          plugin={plugin}
          version={asking.version}
          busy={busy.value}
          onClose={close}
          onActivate={() =>
            void act('It was not activated', `${asking.version.version} is active.`, () =>
              api.activate(plugin.name, asking.version.version),
            )
          }
        />
      )}
      {asking?.what === 'roll-back' && plugin.previous && (
        <ActivateDialog
          plugin={plugin}
          version={plugin.previous}
          back
          busy={busy.value}
          onClose={close}
          onActivate={() =>
            void act('It was not rolled back', `Rolled back to ${plugin.previous?.version ?? ''}.`, () =>
              api.rollBack(plugin.name),
            )
          }
        />
      )}
      {asking?.what === 'delete' && (
        <Dialog
          title={`Delete version ${asking.version.version}?`}
          onClose={close}
          actions={
            <>
              <Button onClick={close}>Keep it</Button>
              <Button
                look="danger"
                busy={busy.value}
                onClick={() =>
                  void act('It was not deleted', `${asking.version.version} is deleted.`, () =>
                    api.deleteVersion(plugin.name, asking.version.version),
                  )
                }
              >
                Delete
              </Button>
            </>
          }
        >
          <p>It can’t be activated or rolled back to any more. Its verdicts stay in Activity.</p>
        </Dialog>
      )}
    </Shell>
  );
}

function BackLink() {
  return (
    <a class="back" href="/plugins">
      <BackIcon />
      Plugins
    </a>
  );
}

function Stat({ label, value, tone }: { label: string; value: number; tone: string }) {
  return (
    <div class={`stat ${value > 0 ? tone : ''}`}>
      <dt>{label}</dt>
      <dd>{count(value)}</dd>
    </div>
  );
}
