-- What a node's row was made from: a sign of life that says the same changes nothing but `seen_at`.
ALTER TABLE nodes ADD COLUMN status_digest BYTEA;
-- Signs of life are written often: room beside the rows keeps the index out of it.
ALTER TABLE nodes SET (fillfactor = 70);
-- What is asked of a node at each placement and comparison is about the sessions that it still has.
DROP INDEX sessions_by_node;
CREATE INDEX sessions_open_by_node ON sessions (node_id) WHERE state NOT IN ('ended', 'failed');
-- What others are told of: an agent that is a member and was not removed is nothing that anybody dials.
CREATE INDEX members_told ON members (id) WHERE removed_at IS NOT NULL OR address IS NOT NULL OR ticket_key IS NOT NULL;
