-- How often a login was tried, whichever web-app was asked.

CREATE TABLE login_tries (
    -- SHA-256 of what is counted: an address, or a name.
    key    BLOB PRIMARY KEY NOT NULL,
    -- When all tries so far are paid off; tries may run ahead of it by a burst.
    due_at INTEGER NOT NULL
) STRICT;
CREATE INDEX login_tries_due ON login_tries (due_at);
