\set node random(1, :nodes)
UPDATE nodes SET seen_at = (extract(epoch FROM clock_timestamp()) * 1000000)::bigint WHERE id = lpad(to_hex(:node::bigint), 32, '0')::uuid;
