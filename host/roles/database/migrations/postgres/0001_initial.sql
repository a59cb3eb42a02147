-- Ids are UUIDs, times are microseconds since 1970-01-01 UTC. Texts that anything is ordered by compare byte by byte, whatever
-- the database's own locale is.

CREATE TABLE settings (
    name  TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    value TEXT NOT NULL
);

-- What changed, as hints to read anew. Never data.
CREATE TABLE changes (
    seq  BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind TEXT NOT NULL,
    id   TEXT NOT NULL
);
CREATE INDEX changes_by_kind ON changes (kind, seq);

CREATE TABLE users (
    id            UUID PRIMARY KEY NOT NULL,
    name          TEXT COLLATE "C" NOT NULL,
    -- The name in lower case: login names are unique without regard to case, in every alphabet.
    name_key      TEXT COLLATE "C" NOT NULL UNIQUE,
    password_hash TEXT NOT NULL,
    enabled       BOOLEAN NOT NULL,
    role          TEXT NOT NULL CHECK (role IN ('admin', 'user')),
    example       BOOLEAN NOT NULL,
    created_at    BIGINT NOT NULL
);

CREATE TABLE groups (
    id       UUID PRIMARY KEY NOT NULL,
    name     TEXT COLLATE "C" NOT NULL UNIQUE,
    priority BIGINT NOT NULL,
    -- Whether every new user joins it.
    everyone BOOLEAN NOT NULL,
    example  BOOLEAN NOT NULL
);

CREATE TABLE memberships (
    user_id  UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    group_id UUID NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    PRIMARY KEY (user_id, group_id)
);
CREATE INDEX memberships_by_group ON memberships (group_id);

CREATE TABLE login_sessions (
    -- SHA-256 of the token: the table alone opens nothing.
    token_hash BYTEA PRIMARY KEY NOT NULL,
    user_id    UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    client     TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    seen_at    BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX login_sessions_by_user ON login_sessions (user_id);

CREATE TABLE zones (
    id   UUID PRIMARY KEY NOT NULL,
    name TEXT COLLATE "C" NOT NULL UNIQUE
);

CREATE TABLE nodes (
    id                         UUID PRIMARY KEY NOT NULL,
    name                       TEXT COLLATE "C" NOT NULL UNIQUE,
    zone_id                    UUID NOT NULL REFERENCES zones (id),
    engine                     TEXT NOT NULL,
    runtime                    TEXT NOT NULL,
    allocatable_cpu_millicores BIGINT NOT NULL,
    allocatable_memory_bytes   BIGINT NOT NULL,
    allocatable_sessions       BIGINT NOT NULL,
    degraded                   TEXT,
    images                     TEXT NOT NULL,
    labels                     TEXT NOT NULL,
    seen_at                    BIGINT NOT NULL
);

CREATE TABLE workspaces (
    id             UUID PRIMARY KEY NOT NULL,
    name           TEXT COLLATE "C" NOT NULL UNIQUE,
    description    TEXT NOT NULL,
    icon           TEXT NOT NULL,
    image          TEXT NOT NULL,
    cpu_millicores BIGINT NOT NULL,
    memory_bytes   BIGINT NOT NULL,
    pids           BIGINT NOT NULL,
    shm_bytes      BIGINT NOT NULL,
    network        TEXT NOT NULL CHECK (network IN ('none', 'internet')),
    enabled        BOOLEAN NOT NULL,
    example        BOOLEAN NOT NULL,
    -- The order on the page.
    position       BIGINT NOT NULL
);

-- Sessions outlive users and workspaces as history, so they hold names and refer to neither.
CREATE TABLE sessions (
    id             UUID PRIMARY KEY NOT NULL,
    request_key    UUID,
    user_id        UUID NOT NULL,
    user_name      TEXT NOT NULL,
    workspace_id   UUID NOT NULL,
    workspace_name TEXT NOT NULL,
    workspace_icon TEXT NOT NULL,
    image          TEXT NOT NULL,
    network        TEXT NOT NULL,
    cpu_millicores BIGINT NOT NULL,
    memory_bytes   BIGINT NOT NULL,
    pids           BIGINT NOT NULL,
    shm_bytes      BIGINT NOT NULL,
    zone_id        UUID NOT NULL REFERENCES zones (id),
    node_id        UUID REFERENCES nodes (id),
    client         TEXT NOT NULL,
    state          TEXT NOT NULL CHECK (state IN (
        'requested', 'reserved', 'creating', 'starting', 'waiting', 'ready', 'ending', 'ended', 'failed')),
    end_reason     TEXT,
    created_at     BIGINT NOT NULL,
    ready_at       BIGINT,
    ended_at       BIGINT,
    UNIQUE (user_id, request_key),
    -- Nothing is created anywhere before a node is known.
    CHECK (node_id IS NOT NULL OR state IN ('requested', 'ending', 'ended', 'failed')),
    CHECK (end_reason IS NOT NULL OR state NOT IN ('ending', 'ended', 'failed'))
);
CREATE INDEX sessions_by_user ON sessions (user_id, created_at);
CREATE INDEX sessions_open ON sessions (state) WHERE state NOT IN ('ended', 'failed');
CREATE INDEX sessions_by_node ON sessions (node_id);

CREATE TABLE session_steps (
    session_id UUID NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    state      TEXT NOT NULL,
    at         BIGINT NOT NULL,
    -- For administrators.
    detail     TEXT NOT NULL,
    PRIMARY KEY (session_id, state, at)
);

CREATE TABLE secrets (
    id         UUID PRIMARY KEY NOT NULL,
    label      TEXT COLLATE "C" NOT NULL,
    -- What it may be opened for. Part of what is authenticated, so changing it here unseals nothing.
    target     TEXT NOT NULL,
    session_id UUID REFERENCES sessions (id) ON DELETE CASCADE,
    nonce      BYTEA NOT NULL,
    sealed     BYTEA NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX secrets_by_session ON secrets (session_id);

CREATE TABLE plugin_files (
    digest BYTEA PRIMARY KEY NOT NULL,
    bytes  BYTEA NOT NULL
);

CREATE TABLE plugins (
    name           TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    kind           TEXT NOT NULL CHECK (kind IN ('placement', 'dlp', 'credential', 'runtime')),
    active_version TEXT COLLATE "C"
);

CREATE TABLE plugin_versions (
    plugin       TEXT COLLATE "C" NOT NULL REFERENCES plugins (name),
    version      TEXT COLLATE "C" NOT NULL,
    digest       BYTEA NOT NULL REFERENCES plugin_files (digest),
    state        TEXT NOT NULL CHECK (state IN ('uploaded', 'compiling', 'needs-approval', 'ready', 'failed')),
    state_detail TEXT,
    size_bytes   BIGINT NOT NULL,
    wit          TEXT NOT NULL,
    description  TEXT NOT NULL,
    wants        TEXT NOT NULL,
    uploaded_at  BIGINT NOT NULL,
    uploaded_by  TEXT NOT NULL,
    activated_at BIGINT,
    PRIMARY KEY (plugin, version)
);
ALTER TABLE plugins ADD CONSTRAINT plugins_active_version_fkey
    FOREIGN KEY (name, active_version) REFERENCES plugin_versions (plugin, version) DEFERRABLE INITIALLY DEFERRED;
CREATE INDEX plugin_versions_by_digest ON plugin_versions (digest);

-- The stack that roll back goes down: the newest row that is not undone is the active version.
CREATE TABLE plugin_activations (
    seq     BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    plugin  TEXT COLLATE "C" NOT NULL,
    version TEXT COLLATE "C" NOT NULL,
    at      BIGINT NOT NULL,
    by_name TEXT NOT NULL,
    undone  BIGINT NOT NULL DEFAULT 0,
    FOREIGN KEY (plugin, version) REFERENCES plugin_versions (plugin, version) ON DELETE CASCADE
);
CREATE INDEX plugin_activations_by_plugin ON plugin_activations (plugin, seq);

CREATE TABLE rules (
    id              UUID PRIMARY KEY NOT NULL,
    name            TEXT COLLATE "C" NOT NULL,
    gate            TEXT COLLATE "C" NOT NULL CHECK (gate IN ('copy-in', 'copy-out', 'upload', 'download', 'device', 'print')),
    -- The target as JSON, and its id again for deletion with the target.
    target          TEXT NOT NULL,
    target_id       UUID,
    position        BIGINT NOT NULL,
    -- The effect as JSON, and its plugin again for look-up.
    effect          TEXT NOT NULL,
    plugin          TEXT COLLATE "C",
    config_revision BIGINT NOT NULL,
    enabled         BOOLEAN NOT NULL,
    example         BOOLEAN NOT NULL
);
CREATE INDEX rules_by_plugin ON rules (plugin);

CREATE TABLE providers (
    purpose TEXT PRIMARY KEY NOT NULL CHECK (purpose IN ('placement', 'credential')),
    plugin  TEXT COLLATE "C" NOT NULL,
    config  TEXT NOT NULL
);

-- Decisions and audit. `body` is the event as it was hashed; the other columns are copies of parts of it for look-up.
CREATE TABLE events (
    seq        BIGINT PRIMARY KEY NOT NULL,
    id         UUID NOT NULL UNIQUE,
    at         BIGINT NOT NULL,
    reference  TEXT NOT NULL,
    kind       TEXT NOT NULL CHECK (kind IN ('verdict', 'audit')),
    gate       TEXT COLLATE "C",
    outcome    TEXT,
    action     TEXT,
    user_id    UUID,
    user_name  TEXT NOT NULL,
    session_id UUID,
    body       TEXT NOT NULL,
    prev       BYTEA NOT NULL,
    hash       BYTEA NOT NULL
);
CREATE INDEX events_by_reference ON events (reference);
CREATE INDEX events_by_user ON events (user_id, seq);
CREATE INDEX events_by_session ON events (session_id, seq);
CREATE INDEX events_by_action ON events (action, seq);
CREATE INDEX events_by_gate ON events (gate, seq);
CREATE INDEX events_by_time ON events (at);

-- Where the chain ends, so that rows cut off its end are missed.
CREATE TABLE event_head (
    one  BIGINT PRIMARY KEY NOT NULL CHECK (one = 1),
    seq  BIGINT NOT NULL,
    hash BYTEA NOT NULL
);
INSERT INTO event_head (one, seq, hash) VALUES (1, 0, decode(repeat('00', 32), 'hex'));

-- The rules that an event asked, for each plugin's last verdicts.
CREATE TABLE event_plugins (
    plugin  TEXT COLLATE "C" NOT NULL,
    seq     BIGINT NOT NULL REFERENCES events (seq),
    outcome TEXT NOT NULL,
    PRIMARY KEY (plugin, seq, outcome)
);

CREATE FUNCTION events_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'events_append_only' USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'events_append_only';
END;
$$;
CREATE TRIGGER events_no_change BEFORE UPDATE OR DELETE ON events FOR EACH ROW EXECUTE FUNCTION events_append_only();
CREATE TRIGGER events_no_truncate BEFORE TRUNCATE ON events FOR EACH STATEMENT EXECUTE FUNCTION events_append_only();
