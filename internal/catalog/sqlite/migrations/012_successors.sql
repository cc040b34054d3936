-- The key that a rotated key was replaced by.
ALTER TABLE keys ADD COLUMN successor TEXT NOT NULL DEFAULT '';
