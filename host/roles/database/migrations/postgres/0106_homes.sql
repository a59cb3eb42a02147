-- Home folders that outlive their sessions. Each is on one node.

ALTER TABLE workspaces ADD COLUMN keep_home BOOLEAN NOT NULL DEFAULT false;
ALTER TABLE sessions ADD COLUMN home_id UUID;

-- A home outlives its workspace and its node, as a folder does, so it refers to neither.
CREATE TABLE homes (
    id             UUID PRIMARY KEY NOT NULL,
    user_id        UUID NOT NULL,
    workspace_id   UUID NOT NULL,
    workspace_name TEXT NOT NULL,
    -- Where it is; until it is made, where it was last tried.
    node_id        UUID,
    created_at     BIGINT NOT NULL,
    -- When its node said that it is there. From then on it is never made again.
    made_at        BIGINT,
    -- The session that has it.
    used_by        UUID,
    -- Its node has yet to remove it.
    deleting       BOOLEAN NOT NULL DEFAULT false
);
CREATE UNIQUE INDEX homes_of_person ON homes (user_id, workspace_id) WHERE deleting = false;
