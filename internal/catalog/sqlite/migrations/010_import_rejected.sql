-- How many of the lines that are done were rejected. Of what was imported before, that is not known: 0.
ALTER TABLE imports ADD COLUMN rejected INTEGER NOT NULL DEFAULT 0;
