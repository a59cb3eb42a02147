-- The processes of a deployment that know each other by certificate, and the tokens that bring new ones.

CREATE TABLE members (
    id         BLOB PRIMARY KEY NOT NULL,
    name       TEXT NOT NULL,
    zone_id    BLOB NOT NULL REFERENCES zones (id),
    -- JSON list of roles.
    roles      TEXT NOT NULL,
    -- Where other nodes reach it; none for one that only dials out.
    address    TEXT,
    -- The public half of the key that signs its tickets; only a web-app has one.
    ticket_key BLOB,
    joined_at  INTEGER NOT NULL,
    removed_at INTEGER
) STRICT;
CREATE INDEX members_removed ON members (removed_at);

CREATE TABLE join_tokens (
    -- SHA-256 of the secret: the table alone admits nobody.
    hash       BLOB PRIMARY KEY NOT NULL,
    roles      TEXT NOT NULL,
    zone_id    BLOB NOT NULL REFERENCES zones (id),
    uses_left  INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL
) STRICT;
