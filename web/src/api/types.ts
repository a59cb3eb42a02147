/**
 * The shapes of the REST API, by the names that the pages use. `schema.d.ts` is generated from `openapi.json`, which the server's
 * own tests keep: `npm run api:types`. Times are microseconds since the epoch, ids are UUID text.
 */
import type { components } from './schema';

type Schemas = components['schemas'];

export type Me = Schemas['Me'];
export type Workspace = Schemas['Workspace'];
export type WorkspaceSettings = Schemas['WorkspaceSettings'];
export type WorkspaceWish = Schemas['WorkspaceWish'];
export type WorkspaceNode = Schemas['WorkspaceNode'];
export type ImageCheck = Schemas['Check'];
export type CheckedStep = Schemas['CheckedStep'];
export type SavedHome = Schemas['SavedHome'];
export type Session = Schemas['Session'];
export type RunningSession = Schemas['RunningSession'];
export type SessionStats = Schemas['Stats'];
export type SessionState = Schemas['SessionState'];
export type Ticket = Schemas['Ticket'];
export type Edge = Schemas['Edge'];
export type Node = Schemas['Node'];
export type NodeRole = Schemas['NodeRole'];
export type NewNode = Schemas['NewNode'];
export type Plugin = Schemas['Plugin'];
export type PluginVersion = Schemas['Version'];
export type VersionState = Schemas['VersionState'];
export type Uploaded = Schemas['Uploaded'];
export type Impact = Schemas['Impact'];
export type ActivityItem = Schemas['ActivityItem'];
export type ActivityPage = Schemas['ActivityPage'];
export type AskedRule = Schemas['RuleAnswer'];
export type Home = Schemas['Home'];
export type Permission = Schemas['Permission'];

/** Where the check of an upload can stop. */
export type UploadStage = 'manifest' | 'imports' | 'compile' | 'self-test';

/** What Activity can be narrowed to. Text, as it stands in the page's address. */
export interface ActivityFilter {
  gate?: string;
  outcome?: string;
  user?: string;
  reference?: string;
  kind?: string;
}

export type NoticeKind = 'blocked' | 'changed' | 'info' | 'warning' | 'ended';

/** An event of a session's own notice stream, which is no part of the REST API. */
export interface Notice {
  kind: NoticeKind;
  gate?: string | null;
  /** The words for the person, reference included; shown as they come. */
  text: string;
  reference?: string | null;
  at: number;
}
