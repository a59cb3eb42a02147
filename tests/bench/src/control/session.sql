-- What the control plane writes for one session, with what it has to lock and to count for it: no more statements than that
-- takes, and no round trip but theirs.
\set node random(1, :nodes)
-- More clients than chains: where none is free, one is waited for.
\set chain random(1, 32)
SELECT gen_random_uuid()::text AS session, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS at \gset

-- requested
BEGIN;
SELECT count(*) AS open FROM sessions WHERE user_id = lpad(to_hex(:client_id::bigint), 32, '0')::uuid AND state NOT IN ('ended', 'failed') \gset
INSERT INTO sessions (id, user_id, user_name, workspace_id, workspace_name, workspace_icon, image, network, cpu_millicores, memory_bytes, pids, shm_bytes, zone_id, client, state, created_at)
VALUES (:session::uuid, lpad(to_hex(:client_id::bigint), 32, '0')::uuid, 'person', gen_random_uuid(), 'Terminal', 'terminal', 'gatewright/terminal', 'none', 1000, 1073741824, 256, 67108864, :zone::uuid, '192.0.2.7', 'requested', :at::bigint);
INSERT INTO session_steps (session_id, state, at, detail) VALUES (:session::uuid, 'requested', :at::bigint, '');
INSERT INTO changes (kind, id) VALUES ('session', :session::text);
SELECT nextval('event_numbers') AS seq FROM (SELECT chain FROM event_chains WHERE chain = :chain::bigint FOR NO KEY UPDATE) one \gset
INSERT INTO events (chain, seq, id, at, reference, kind, action, user_name, session_id, body, prev, hash)
VALUES (:chain::bigint, :seq::bigint, gen_random_uuid(), :at::bigint, 'K7Q2XX', 'audit', 'session.requested', 'person', :session::uuid, repeat('x', 420), sha256('x'), sha256('y'));
UPDATE event_chains SET seq = :seq::bigint, hash = sha256('y') WHERE chain = :chain::bigint;
COMMIT;

INSERT INTO leases (name, holder, fence, expires_at) VALUES ('session/' || :session::text, gen_random_uuid(), 1, :at::bigint + 15000000);

-- reserved
BEGIN;
SELECT fence AS fence FROM leases WHERE name = 'session/' || :session::text FOR NO KEY UPDATE \gset
SELECT allocatable_sessions AS room FROM nodes WHERE id = lpad(to_hex(:node::bigint), 32, '0')::uuid FOR NO KEY UPDATE \gset
SELECT count(*) AS held FROM sessions WHERE node_id = lpad(to_hex(:node::bigint), 32, '0')::uuid AND state NOT IN ('ended', 'failed') \gset
UPDATE sessions SET state = 'reserved', node_id = lpad(to_hex(:node::bigint), 32, '0')::uuid WHERE id = :session::uuid AND state = 'requested';
INSERT INTO session_steps (session_id, state, at, detail) VALUES (:session::uuid, 'reserved', :at::bigint, '');
INSERT INTO changes (kind, id) VALUES ('session', :session::text);
INSERT INTO secrets (id, label, target, session_id, nonce, sealed, created_at) VALUES (gen_random_uuid(), 'desktop', :session::text, :session::uuid, sha256('n'), sha256('s'), :at::bigint);
COMMIT;

-- creating, starting, waiting
BEGIN;
SELECT fence AS fence FROM leases WHERE name = 'session/' || :session::text FOR NO KEY UPDATE \gset
UPDATE sessions SET state = 'creating' WHERE id = :session::uuid AND state = 'reserved';
INSERT INTO session_steps (session_id, state, at, detail) VALUES (:session::uuid, 'creating', :at::bigint, '');
INSERT INTO changes (kind, id) VALUES ('session', :session::text);
COMMIT;
BEGIN;
SELECT fence AS fence FROM leases WHERE name = 'session/' || :session::text FOR NO KEY UPDATE \gset
UPDATE sessions SET state = 'starting' WHERE id = :session::uuid AND state = 'creating';
INSERT INTO session_steps (session_id, state, at, detail) VALUES (:session::uuid, 'starting', :at::bigint, '');
INSERT INTO changes (kind, id) VALUES ('session', :session::text);
COMMIT;
BEGIN;
SELECT fence AS fence FROM leases WHERE name = 'session/' || :session::text FOR NO KEY UPDATE \gset
UPDATE sessions SET state = 'waiting' WHERE id = :session::uuid AND state = 'starting';
INSERT INTO session_steps (session_id, state, at, detail) VALUES (:session::uuid, 'waiting', :at::bigint, '');
INSERT INTO changes (kind, id) VALUES ('session', :session::text);
COMMIT;

-- ready
BEGIN;
SELECT fence AS fence FROM leases WHERE name = 'session/' || :session::text FOR NO KEY UPDATE \gset
UPDATE sessions SET state = 'ready', ready_at = :at::bigint WHERE id = :session::uuid AND state = 'waiting';
INSERT INTO session_steps (session_id, state, at, detail) VALUES (:session::uuid, 'ready', :at::bigint, '');
INSERT INTO changes (kind, id) VALUES ('session', :session::text);
SELECT nextval('event_numbers') AS seq FROM (SELECT chain FROM event_chains WHERE chain = :chain::bigint FOR NO KEY UPDATE) one \gset
INSERT INTO events (chain, seq, id, at, reference, kind, action, user_name, session_id, body, prev, hash)
VALUES (:chain::bigint, :seq::bigint, gen_random_uuid(), :at::bigint, 'K7Q2XX', 'audit', 'session.ready', 'person', :session::uuid, repeat('x', 420), sha256('x'), sha256('y'));
UPDATE event_chains SET seq = :seq::bigint, hash = sha256('y') WHERE chain = :chain::bigint;
COMMIT;
UPDATE leases SET expires_at = 0 WHERE name = 'session/' || :session::text;

-- ending
BEGIN;
UPDATE sessions SET state = 'ending', end_reason = '"user"' WHERE id = :session::uuid AND state = 'ready';
INSERT INTO session_steps (session_id, state, at, detail) VALUES (:session::uuid, 'ending', :at::bigint, '');
INSERT INTO changes (kind, id) VALUES ('session', :session::text);
SELECT nextval('event_numbers') AS seq FROM (SELECT chain FROM event_chains WHERE chain = :chain::bigint FOR NO KEY UPDATE) one \gset
INSERT INTO events (chain, seq, id, at, reference, kind, action, user_name, session_id, body, prev, hash)
VALUES (:chain::bigint, :seq::bigint, gen_random_uuid(), :at::bigint, 'K7Q2XX', 'audit', 'session.ending', 'person', :session::uuid, repeat('x', 420), sha256('x'), sha256('y'));
UPDATE event_chains SET seq = :seq::bigint, hash = sha256('y') WHERE chain = :chain::bigint;
COMMIT;
UPDATE leases SET expires_at = :at::bigint + 15000000, fence = fence + 1 WHERE name = 'session/' || :session::text;

-- ended
BEGIN;
SELECT fence AS fence FROM leases WHERE name = 'session/' || :session::text FOR NO KEY UPDATE \gset
UPDATE sessions SET state = 'ended', ended_at = :at::bigint WHERE id = :session::uuid AND state = 'ending';
DELETE FROM secrets WHERE session_id = :session::uuid;
INSERT INTO session_steps (session_id, state, at, detail) VALUES (:session::uuid, 'ended', :at::bigint, '');
INSERT INTO changes (kind, id) VALUES ('session', :session::text);
SELECT nextval('event_numbers') AS seq FROM (SELECT chain FROM event_chains WHERE chain = :chain::bigint FOR NO KEY UPDATE) one \gset
INSERT INTO events (chain, seq, id, at, reference, kind, action, user_name, session_id, body, prev, hash)
VALUES (:chain::bigint, :seq::bigint, gen_random_uuid(), :at::bigint, 'K7Q2XX', 'audit', 'session.ended', 'person', :session::uuid, repeat('x', 420), sha256('x'), sha256('y'));
UPDATE event_chains SET seq = :seq::bigint, hash = sha256('y') WHERE chain = :chain::bigint;
COMMIT;
DELETE FROM leases WHERE name = 'session/' || :session::text;
