-- Who appends an event holds the end of a chain until it is on disk. With one chain, all wait for each other's disk.
ALTER TABLE events ADD COLUMN chain BIGINT NOT NULL DEFAULT 1;
ALTER TABLE events ALTER COLUMN chain DROP DEFAULT;
CREATE INDEX events_by_chain ON events (chain, seq);

ALTER TABLE event_head RENAME TO event_chains;
ALTER TABLE event_chains RENAME COLUMN one TO chain;
ALTER TABLE event_chains DROP CONSTRAINT event_head_one_check;
INSERT INTO event_chains (chain, seq, hash) SELECT number, 0, decode(repeat('00', 32), 'hex') FROM generate_series(2, 32) AS number;

CREATE SEQUENCE event_numbers;
SELECT setval('event_numbers', (SELECT seq + 1 FROM event_chains WHERE chain = 1), false);
