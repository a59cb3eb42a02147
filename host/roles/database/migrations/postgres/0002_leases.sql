-- Who may do something alone, for how long. `fence` counts up with every new holder.
CREATE TABLE leases (
    name       TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    holder     UUID NOT NULL,
    fence      BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
