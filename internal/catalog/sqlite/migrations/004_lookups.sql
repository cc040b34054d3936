-- Lookup tables: which version of its rows, in the engine, is the current one.
CREATE TABLE lookups (
    tenant     TEXT NOT NULL REFERENCES tenants (id),
    name       TEXT NOT NULL,
    version    INTEGER NOT NULL,
    columns    TEXT NOT NULL, -- JSON
    rows       INTEGER NOT NULL,
    bytes      INTEGER NOT NULL,
    updated_ns INTEGER NOT NULL,
    PRIMARY KEY (tenant, name)
) STRICT, WITHOUT ROWID;
