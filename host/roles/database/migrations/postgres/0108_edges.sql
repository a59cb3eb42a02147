-- Where people reach an edge, as its operator configured it; none for other roles.
ALTER TABLE members ADD COLUMN public_url TEXT;

-- The login that this one was handed over from, by another edge; none for one with a password. They end together.
ALTER TABLE login_sessions ADD COLUMN first_hash BYTEA;
CREATE INDEX login_sessions_by_first ON login_sessions (first_hash);

-- Codes with which a person goes on at another edge, each good once.
CREATE TABLE handovers (
    -- SHA-256 of the code: the table alone opens nothing.
    code_hash  BYTEA PRIMARY KEY NOT NULL,
    login_hash BYTEA NOT NULL REFERENCES login_sessions (token_hash) ON DELETE CASCADE,
    expires_at BIGINT NOT NULL
);
CREATE INDEX handovers_by_login ON handovers (login_hash);
CREATE INDEX handovers_expiry ON handovers (expires_at);
