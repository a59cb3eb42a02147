-- Checks of images: each is a session of its own kind, which nobody enters and which always ends.

CREATE TABLE image_checks (
    session_id   UUID PRIMARY KEY NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    workspace_id UUID NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    node_id      UUID NOT NULL,
    node_name    TEXT NOT NULL,
    started_at   BIGINT NOT NULL,
    finished_at  BIGINT,
    -- JSON: each step with what came of it.
    steps        TEXT NOT NULL
);
CREATE INDEX image_checks_by_workspace ON image_checks (workspace_id, started_at);
