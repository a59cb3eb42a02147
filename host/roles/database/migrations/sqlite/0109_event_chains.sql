-- Where many write at once, the record has several chains. Here is one writer at a time, and one chain.
ALTER TABLE events ADD COLUMN chain INTEGER NOT NULL DEFAULT 1;
CREATE INDEX events_by_chain ON events (chain, seq);

CREATE TABLE event_chains (
    chain INTEGER PRIMARY KEY NOT NULL,
    seq   INTEGER NOT NULL,
    hash  BLOB NOT NULL
) STRICT;
INSERT INTO event_chains (chain, seq, hash) SELECT one, seq, hash FROM event_head;
DROP TABLE event_head;
