import type { Session, Workspace } from '../../api/types';
import { Button } from '../../components/button';
import { Badge } from '../../components/feedback';
import { BrowserIcon, DesktopIcon, PlayIcon, TerminalIcon } from '../../components/icons';

export function workspaceIcon(icon: string) {
  if (icon === 'terminal') return <TerminalIcon />;
  if (icon === 'browser') return <BrowserIcon />;
  return <DesktopIcon />;
}

interface Props {
  workspace: Workspace;
  busy: boolean;
  /** A session of this workspace that already runs. */
  running: Session | undefined;
  launch: () => void;
}

export function WorkspaceCard({ workspace, busy, running, launch }: Props) {
  const titleId = `workspace-${workspace.id}`;
  return (
    <li class="card workspace">
      <div class="workspace-top">
        <div class={`workspace-icon ${workspace.icon}`}>{workspaceIcon(workspace.icon)}</div>
        <div class="badges">
          {workspace.example && <Badge>Example</Badge>}
          {workspace.keep_home && <Badge tone="info">Keeps your home</Badge>}
          {workspace.network === 'internet' ? (
            <Badge tone="warn">Internet</Badge>
          ) : (
            <Badge tone="ok">No network</Badge>
          )}
        </div>
      </div>
      <h3 id={titleId}>{workspace.name}</h3>
      <p class="soft">{workspace.description}</p>
      {!workspace.available && (
        <p class="unavailable">{workspace.unavailable_reason ?? 'Not available right now.'}</p>
      )}
      <div class="card-actions">
        {running && (
          <a class="button primary" href={`/sessions/${running.id}`}>
            Return
            <span class="visually-hidden"> to {workspace.name}</span>
          </a>
        )}
        <Button
          look={running ? 'plain' : 'primary'}
          icon={running ? undefined : <PlayIcon />}
          busy={busy}
          disabled={!workspace.available}
          onClick={launch}
          aria-describedby={titleId}
        >
          {busy ? 'Launching' : running ? 'Launch another' : 'Launch'}
        </Button>
      </div>
    </li>
  );
}
