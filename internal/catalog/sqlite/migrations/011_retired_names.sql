-- Names (site_ids and aliases) of sources and tenants that were deleted: nobody but their owner gets them again. hash is the SHA-256 of the name
-- in lower case; owner is the number of the tenant, 0 when that was deleted: then nobody gets them.
CREATE TABLE retired_names (
    hash  BLOB PRIMARY KEY,
    owner INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX retired_names_owner ON retired_names (owner);

CREATE INDEX site_names_folded ON site_names (name COLLATE NOCASE);
