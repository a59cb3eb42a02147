-- Home folders that outlive their sessions. Each is on one node.

ALTER TABLE workspaces ADD COLUMN keep_home INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN home_id BLOB;

-- A home outlives its workspace and its node, as a folder does, so it refers to neither.
CREATE TABLE homes (
    id             BLOB PRIMARY KEY NOT NULL,
    user_id        BLOB NOT NULL,
    workspace_id   BLOB NOT NULL,
    workspace_name TEXT NOT NULL,
    -- Where it is; until it is made, where it was last tried.
    node_id        BLOB,
    created_at     INTEGER NOT NULL,
    -- When its node said that it is there. From then on it is never made again.
    made_at        INTEGER,
    -- The session that has it.
    used_by        BLOB,
    -- Its node has yet to remove it.
    deleting       INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX homes_of_person ON homes (user_id, workspace_id) WHERE deleting = 0;
