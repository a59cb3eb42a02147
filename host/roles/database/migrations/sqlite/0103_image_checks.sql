-- Checks of images: each is a session of its own kind, which nobody enters and which always ends.

CREATE TABLE image_checks (
    session_id   BLOB PRIMARY KEY NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    workspace_id BLOB NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    node_id      BLOB NOT NULL,
    node_name    TEXT NOT NULL,
    started_at   INTEGER NOT NULL,
    finished_at  INTEGER,
    -- JSON: each step with what came of it.
    steps        TEXT NOT NULL
) STRICT;
CREATE INDEX image_checks_by_workspace ON image_checks (workspace_id, started_at);
