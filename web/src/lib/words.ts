/** Words of the wire as words of the page. */
import type { Node, NodeRole, UploadStage, VersionState } from '../api/types';
import { label } from './format';

const KINDS: Record<string, string> = {
  dlp: 'Data protection',
  placement: 'Placement',
  credential: 'Credentials',
  runtime: 'Runtime',
};

const KIND_HINTS: Record<string, string> = {
  dlp: 'Decides what may pass a gate',
  placement: 'Chooses the node a session runs on',
  credential: 'Unlocks a workspace for its session',
  runtime: 'Starts and stops workspaces on an engine',
};

export const kindWords = (kind: string): string => KINDS[kind] ?? label(kind);
export const kindHint = (kind: string): string => KIND_HINTS[kind] ?? '';

const GATES: Record<string, string> = {
  'copy-in': 'Copy in',
  'copy-out': 'Copy out',
};
export const gateWords = (gate: string): string => GATES[gate] ?? label(gate);
export const ALL_GATES = ['copy-in', 'copy-out', 'upload', 'download', 'device', 'print'] as const;

const OUTCOMES: Record<string, string> = {
  allowed: 'Allowed',
  redacted: 'Changed',
  denied: 'Blocked',
  failed: 'Failed, blocked',
};
export const outcomeWords = (outcome: string): string => OUTCOMES[outcome] ?? label(outcome);

const VERSION_STATES: Record<VersionState, string> = {
  uploaded: 'Uploaded',
  compiling: 'Being checked',
  'needs-approval': 'Needs approval',
  ready: 'Ready',
  active: 'Active',
  failed: 'Failed its checks',
};
export const versionStateWords = (state: VersionState): string => VERSION_STATES[state];

const ROLES: Record<NodeRole, [string, string]> = {
  agent: ['Agent', 'Runs sessions on an engine'],
  'connection-proxy': ['Connection proxy', 'Carries sessions through the gates'],
  'dedicated-proxy': ['Edge', 'Where browsers come in'],
  'web-app': ['Web app', 'Pages, API and the decisions where sessions run'],
};
export const roleWords = (role: NodeRole): string => ROLES[role][0];
export const roleHint = (role: NodeRole): string => ROLES[role][1];
/** What a machine can join as; a web-app has the database in its own configuration. */
export const ALL_ROLES: readonly NodeRole[] = ['agent', 'connection-proxy', 'dedicated-proxy'];

const NODE_STATES: Record<Node['state'], string> = {
  ready: 'Ready',
  degraded: 'Degraded',
  silent: 'Silent',
  removed: 'Removed',
};
export const nodeStateWords = (state: Node['state']): string => NODE_STATES[state];

const STAGES: Record<UploadStage, { title: string; hint: string }> = {
  manifest: {
    title: 'The file is not a plugin this server can read',
    hint: 'Nothing was stored. Build it with the plugin kit, so that its description is part of the file, and upload the .wasm file it makes.',
  },
  imports: {
    title: 'The plugin asks for something its kind may not have',
    hint: 'Nothing was stored. A plugin gets only what its kind needs; remove the extra capability and build it again.',
  },
  compile: {
    title: 'The plugin’s code can’t be compiled',
    hint: 'Nothing was stored. The file may be damaged or cut short, or made for another version.',
  },
  'self-test': {
    title: 'The plugin failed its own test',
    hint: 'Nothing was stored. It loaded but did not answer as its kind must; run its tests and build it again.',
  },
};

/** What to say when an upload failed at `stage`. */
export function stageWords(stage: string | undefined): { title: string; hint: string } {
  return (
    (stage !== undefined && Object.hasOwn(STAGES, stage) ? STAGES[stage as UploadStage] : undefined) ?? {
      title: 'The plugin was not accepted',
      hint: 'Nothing was stored.',
    }
  );
}
