/** The shapes of the control plane's REST API. Times are microseconds since the epoch, ids are UUID text. */

export interface Me {
  user: { id: string; name: string; role: string };
  groups: { id: string; name: string; priority: number }[];
  permissions: string[];
  csrf_token: string;
  version: string;
}

export type WorkspaceIcon = 'terminal' | 'desktop' | 'browser';

export interface Workspace {
  id: string;
  name: string;
  description: string;
  icon: WorkspaceIcon;
  network: 'none' | 'internet';
  example: boolean;
  available: boolean;
  unavailable_reason?: string | null;
}

export type SessionState =
  'requested' | 'reserved' | 'creating' | 'starting' | 'waiting' | 'ready' | 'ending' | 'ended' | 'failed';

export interface SessionStep {
  state: SessionState;
  label: string;
  done: boolean;
}

export interface Session {
  id: string;
  workspace: { id: string; name: string; icon: WorkspaceIcon };
  state: SessionState;
  step?: string | null;
  steps: SessionStep[];
  message?: string | null;
  end?: { code: string; text: string } | null;
  created_at: number;
  ready_at?: number | null;
  ended_at?: number | null;
  user: { id: string; name: string };
}

export interface Ticket {
  ticket: string;
  /** Where the session is served, such as `/session/<id>/`. */
  base_url: string;
  expires_at: number;
}

export type Gate = 'copy-in' | 'copy-out' | 'upload' | 'download' | 'device' | 'print';

export type VersionState = 'uploaded' | 'compiling' | 'needs-approval' | 'ready' | 'active' | 'failed';

export interface PluginVersion {
  version: string;
  digest: string;
  state: VersionState;
  state_detail?: string | null;
  size_bytes: number;
  wit: string;
  wants: string[];
  uploaded_at: number;
  uploaded_by: string;
  activated_at?: number | null;
  description: string;
}

export interface RuleUse {
  rule_id: string;
  rule_name: string;
  gate: string;
  target: string;
}

export interface Plugin {
  name: string;
  kind: string;
  active?: PluginVersion | null;
  /** The version that a roll back returns to. */
  previous?: PluginVersion | null;
  versions: PluginVersion[];
  used_by: RuleUse[];
  /** Counts of the last 24 hours. */
  verdicts: { allowed: number; redacted: number; denied: number; failed: number };
  last_verdicts: ActivityItem[];
}

export interface Uploaded {
  plugin: Plugin;
  /** The version that was uploaded. */
  version: string;
  warnings: string[];
}

export type UploadStage = 'manifest' | 'imports' | 'compile' | 'self-test';

export interface Impact {
  rules: { id: string; name: string; gate: string; target: string }[];
  groups: string[];
  open_sessions: number;
  replaces?: string | null;
}

export type Outcome = 'allowed' | 'redacted' | 'denied' | 'failed';

export interface AskedRule {
  rule_name: string;
  /** None for a rule that closes its gate by itself. */
  plugin?: string | null;
  version: string;
  digest?: string | null;
  check?: string | null;
  outcome: string;
  failure?: string | null;
  micros: number;
  config_revision?: string | number | null;
}

export interface ActivityItem {
  seq: number;
  id: string;
  reference: string;
  at: number;
  user_name: string;
  groups: string[];
  session_id?: string | null;
  workspace_name?: string | null;
  client?: string | null;
  kind: 'verdict' | 'audit';
  gate?: string | null;
  item?: { name?: string | null; media_type?: string | null; bytes?: number | null } | null;
  outcome?: string | null;
  message?: string | null;
  rules: AskedRule[];
  action?: string | null;
  object?: string | null;
  detail?: string | null;
  succeeded?: boolean | null;
}

export interface ActivityPage {
  items: ActivityItem[];
  next_before?: number | null;
  chain: { intact: boolean; checked: number };
}

export interface ActivityFilter {
  gate?: string;
  outcome?: string;
  user?: string;
  reference?: string;
  kind?: string;
}

export interface ChecklistItem {
  id: string;
  label: string;
  done: boolean;
  hint: string;
  link: string;
}

export interface Home {
  checklist: ChecklistItem[];
  examples_present: boolean;
}

export type NoticeKind = 'blocked' | 'changed' | 'info' | 'warning' | 'ended';

export interface Notice {
  kind: NoticeKind;
  gate?: string | null;
  /** The words for the person, reference included; shown as they come. */
  text: string;
  reference?: string | null;
  at: number;
}
