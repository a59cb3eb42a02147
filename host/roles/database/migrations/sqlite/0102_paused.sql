-- Since when a ready session is meant to be paused; its agent is made to follow.
ALTER TABLE sessions ADD COLUMN paused_at INTEGER;
