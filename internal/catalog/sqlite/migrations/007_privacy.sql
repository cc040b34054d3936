-- What a source does about personal data, as JSON; empty: the defaults. Sources from before keep their query strings.
ALTER TABLE sources ADD COLUMN privacy TEXT NOT NULL DEFAULT '';
UPDATE sources SET privacy = '{"keep_query_strings":true}';
