-- Devices by their CDI names, each a JSON list: what a workspace asks for, what a session was launched with, what a node has.
ALTER TABLE workspaces ADD COLUMN devices TEXT NOT NULL DEFAULT '[]';
ALTER TABLE sessions ADD COLUMN devices TEXT NOT NULL DEFAULT '[]';
ALTER TABLE nodes ADD COLUMN devices TEXT NOT NULL DEFAULT '[]';
