-- Ids are 16 bytes of UUID, times are microseconds since 1970-01-01 UTC.

CREATE TABLE settings (
    name  TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL
) STRICT;

-- What changed, as hints to read anew. Never data.
CREATE TABLE changes (
    seq  INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    id   TEXT NOT NULL
) STRICT;
CREATE INDEX changes_by_kind ON changes (kind, seq);

CREATE TABLE users (
    id            BLOB PRIMARY KEY NOT NULL,
    name          TEXT NOT NULL,
    -- The name in lower case: login names are unique without regard to case, in every alphabet.
    name_key      TEXT NOT NULL UNIQUE,
    password_hash TEXT NOT NULL,
    enabled       INTEGER NOT NULL,
    role          TEXT NOT NULL CHECK (role IN ('admin', 'user')),
    example       INTEGER NOT NULL,
    created_at    INTEGER NOT NULL
) STRICT;

CREATE TABLE groups (
    id       BLOB PRIMARY KEY NOT NULL,
    name     TEXT NOT NULL UNIQUE,
    priority INTEGER NOT NULL,
    -- Whether every new user joins it.
    everyone INTEGER NOT NULL,
    example  INTEGER NOT NULL
) STRICT;

CREATE TABLE memberships (
    user_id  BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    group_id BLOB NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    PRIMARY KEY (user_id, group_id)
) STRICT;
CREATE INDEX memberships_by_group ON memberships (group_id);

CREATE TABLE login_sessions (
    -- SHA-256 of the token: the table alone opens nothing.
    token_hash BLOB PRIMARY KEY NOT NULL,
    user_id    BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    client     TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    seen_at    INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX login_sessions_by_user ON login_sessions (user_id);

CREATE TABLE zones (
    id   BLOB PRIMARY KEY NOT NULL,
    name TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE nodes (
    id                         BLOB PRIMARY KEY NOT NULL,
    name                       TEXT NOT NULL UNIQUE,
    zone_id                    BLOB NOT NULL REFERENCES zones (id),
    engine                     TEXT NOT NULL,
    runtime                    TEXT NOT NULL,
    allocatable_cpu_millicores INTEGER NOT NULL,
    allocatable_memory_bytes   INTEGER NOT NULL,
    allocatable_sessions       INTEGER NOT NULL,
    degraded                   TEXT,
    images                     TEXT NOT NULL,
    labels                     TEXT NOT NULL,
    seen_at                    INTEGER NOT NULL
) STRICT;

CREATE TABLE workspaces (
    id             BLOB PRIMARY KEY NOT NULL,
    name           TEXT NOT NULL UNIQUE,
    description    TEXT NOT NULL,
    icon           TEXT NOT NULL,
    image          TEXT NOT NULL,
    cpu_millicores INTEGER NOT NULL,
    memory_bytes   INTEGER NOT NULL,
    pids           INTEGER NOT NULL,
    shm_bytes      INTEGER NOT NULL,
    network        TEXT NOT NULL CHECK (network IN ('none', 'internet')),
    enabled        INTEGER NOT NULL,
    example        INTEGER NOT NULL,
    -- The order on the page.
    position       INTEGER NOT NULL
) STRICT;

-- Sessions outlive users and workspaces as history, so they hold names and refer to neither.
CREATE TABLE sessions (
    id             BLOB PRIMARY KEY NOT NULL,
    request_key    BLOB,
    user_id        BLOB NOT NULL,
    user_name      TEXT NOT NULL,
    workspace_id   BLOB NOT NULL,
    workspace_name TEXT NOT NULL,
    workspace_icon TEXT NOT NULL,
    image          TEXT NOT NULL,
    network        TEXT NOT NULL,
    cpu_millicores INTEGER NOT NULL,
    memory_bytes   INTEGER NOT NULL,
    pids           INTEGER NOT NULL,
    shm_bytes      INTEGER NOT NULL,
    zone_id        BLOB NOT NULL REFERENCES zones (id),
    node_id        BLOB REFERENCES nodes (id),
    client         TEXT NOT NULL,
    state          TEXT NOT NULL CHECK (state IN (
        'requested', 'reserved', 'creating', 'starting', 'waiting', 'ready', 'ending', 'ended', 'failed')),
    end_reason     TEXT,
    created_at     INTEGER NOT NULL,
    ready_at       INTEGER,
    ended_at       INTEGER,
    UNIQUE (user_id, request_key),
    -- Nothing is created anywhere before a node is known.
    CHECK (node_id IS NOT NULL OR state IN ('requested', 'ending', 'ended', 'failed')),
    CHECK (end_reason IS NOT NULL OR state NOT IN ('ending', 'ended', 'failed'))
) STRICT;
CREATE INDEX sessions_by_user ON sessions (user_id, created_at);
CREATE INDEX sessions_open ON sessions (state) WHERE state NOT IN ('ended', 'failed');
CREATE INDEX sessions_by_node ON sessions (node_id);

CREATE TABLE session_steps (
    session_id BLOB NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    state      TEXT NOT NULL,
    at         INTEGER NOT NULL,
    -- For administrators.
    detail     TEXT NOT NULL,
    PRIMARY KEY (session_id, state, at)
) STRICT;

CREATE TABLE secrets (
    id         BLOB PRIMARY KEY NOT NULL,
    label      TEXT NOT NULL,
    -- What it may be opened for. Part of what is authenticated, so changing it here unseals nothing.
    target     TEXT NOT NULL,
    session_id BLOB REFERENCES sessions (id) ON DELETE CASCADE,
    nonce      BLOB NOT NULL,
    sealed     BLOB NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX secrets_by_session ON secrets (session_id);

CREATE TABLE plugin_files (
    digest BLOB PRIMARY KEY NOT NULL,
    bytes  BLOB NOT NULL
) STRICT;

CREATE TABLE plugins (
    name           TEXT PRIMARY KEY NOT NULL,
    kind           TEXT NOT NULL CHECK (kind IN ('placement', 'dlp', 'credential', 'runtime')),
    active_version TEXT,
    FOREIGN KEY (name, active_version) REFERENCES plugin_versions (plugin, version) DEFERRABLE INITIALLY DEFERRED
) STRICT;

CREATE TABLE plugin_versions (
    plugin       TEXT NOT NULL REFERENCES plugins (name),
    version      TEXT NOT NULL,
    digest       BLOB NOT NULL REFERENCES plugin_files (digest),
    state        TEXT NOT NULL CHECK (state IN ('uploaded', 'compiling', 'needs-approval', 'ready', 'failed')),
    state_detail TEXT,
    size_bytes   INTEGER NOT NULL,
    wit          TEXT NOT NULL,
    description  TEXT NOT NULL,
    wants        TEXT NOT NULL,
    uploaded_at  INTEGER NOT NULL,
    uploaded_by  TEXT NOT NULL,
    activated_at INTEGER,
    PRIMARY KEY (plugin, version)
) STRICT;
CREATE INDEX plugin_versions_by_digest ON plugin_versions (digest);

-- The stack that roll back goes down: the newest row that is not undone is the active version.
CREATE TABLE plugin_activations (
    seq     INTEGER PRIMARY KEY AUTOINCREMENT,
    plugin  TEXT NOT NULL,
    version TEXT NOT NULL,
    at      INTEGER NOT NULL,
    by_name TEXT NOT NULL,
    undone  INTEGER NOT NULL DEFAULT 0,
    FOREIGN KEY (plugin, version) REFERENCES plugin_versions (plugin, version) ON DELETE CASCADE
) STRICT;
CREATE INDEX plugin_activations_by_plugin ON plugin_activations (plugin, seq);

CREATE TABLE rules (
    id              BLOB PRIMARY KEY NOT NULL,
    name            TEXT NOT NULL,
    gate            TEXT NOT NULL CHECK (gate IN ('copy-in', 'copy-out', 'upload', 'download', 'device', 'print')),
    -- The target as JSON, and its id again for deletion with the target.
    target          TEXT NOT NULL,
    target_id       BLOB,
    position        INTEGER NOT NULL,
    -- The effect as JSON, and its plugin again for look-up.
    effect          TEXT NOT NULL,
    plugin          TEXT,
    config_revision INTEGER NOT NULL,
    enabled         INTEGER NOT NULL,
    example         INTEGER NOT NULL
) STRICT;
CREATE INDEX rules_by_plugin ON rules (plugin);

CREATE TABLE providers (
    purpose TEXT PRIMARY KEY NOT NULL CHECK (purpose IN ('placement', 'credential')),
    plugin  TEXT NOT NULL,
    config  TEXT NOT NULL
) STRICT;

-- Decisions and audit. `body` is the event as it was hashed; the other columns are copies of parts of it for look-up.
CREATE TABLE events (
    seq        INTEGER PRIMARY KEY NOT NULL,
    id         BLOB NOT NULL UNIQUE,
    at         INTEGER NOT NULL,
    reference  TEXT NOT NULL,
    kind       TEXT NOT NULL CHECK (kind IN ('verdict', 'audit')),
    gate       TEXT,
    outcome    TEXT,
    action     TEXT,
    user_id    BLOB,
    user_name  TEXT NOT NULL,
    session_id BLOB,
    body       TEXT NOT NULL,
    prev       BLOB NOT NULL,
    hash       BLOB NOT NULL
) STRICT;
CREATE INDEX events_by_reference ON events (reference);
CREATE INDEX events_by_user ON events (user_id, seq);
CREATE INDEX events_by_session ON events (session_id, seq);
CREATE INDEX events_by_action ON events (action, seq);
CREATE INDEX events_by_gate ON events (gate, seq);
CREATE INDEX events_by_time ON events (at);

-- Where the chain ends, so that rows cut off its end are missed.
CREATE TABLE event_head (
    one  INTEGER PRIMARY KEY NOT NULL CHECK (one = 1),
    seq  INTEGER NOT NULL,
    hash BLOB NOT NULL
) STRICT;
INSERT INTO event_head (one, seq, hash) VALUES (1, 0, zeroblob(32));

-- The rules that an event asked, for each plugin's last verdicts.
CREATE TABLE event_plugins (
    plugin  TEXT NOT NULL,
    seq     INTEGER NOT NULL REFERENCES events (seq),
    outcome TEXT NOT NULL,
    PRIMARY KEY (plugin, seq, outcome)
) STRICT;

CREATE TRIGGER events_no_update BEFORE UPDATE ON events
BEGIN
    SELECT RAISE(ABORT, 'events_append_only');
END;
CREATE TRIGGER events_no_delete BEFORE DELETE ON events
BEGIN
    SELECT RAISE(ABORT, 'events_append_only');
END;
