CREATE TABLE revision (
    one   INTEGER PRIMARY KEY CHECK (one = 1),
    value INTEGER NOT NULL
) STRICT;
INSERT INTO revision VALUES (1, 0);

CREATE TABLE settings (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

-- revision is the value of table revision at the last change of the tenant, its sources or its keys.
CREATE TABLE tenants (
    id              TEXT PRIMARY KEY,
    number          INTEGER NOT NULL UNIQUE,
    name            TEXT NOT NULL,
    region          TEXT NOT NULL,
    retention_ns    INTEGER NOT NULL,
    limits          TEXT NOT NULL,
    partition_first INTEGER NOT NULL,
    partition_count INTEGER NOT NULL,
    partition_epoch INTEGER NOT NULL,
    created_ns      INTEGER NOT NULL,
    deleted_ns      INTEGER NOT NULL DEFAULT 0,
    revision        INTEGER NOT NULL
) STRICT;
CREATE INDEX tenants_revision ON tenants (revision);

CREATE TABLE sources (
    tenant     TEXT NOT NULL REFERENCES tenants (id),
    id         TEXT NOT NULL,
    site_id    TEXT NOT NULL,
    name       TEXT NOT NULL,
    aliases    TEXT NOT NULL,
    hostnames  TEXT NOT NULL,
    time_zone  TEXT NOT NULL,
    first_day  INTEGER NOT NULL,
    created_ns INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

-- Every site_id and alias of the installation, once.
CREATE TABLE site_names (
    name   TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    source TEXT NOT NULL,
    FOREIGN KEY (tenant, source) REFERENCES sources (tenant, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX site_names_source ON site_names (tenant, source);

CREATE TABLE keys (
    tenant     TEXT NOT NULL REFERENCES tenants (id),
    id         TEXT NOT NULL,
    role       TEXT NOT NULL,
    site_id    TEXT NOT NULL,
    name       TEXT NOT NULL,
    hash       BLOB NOT NULL UNIQUE,
    created_ns INTEGER NOT NULL,
    expires_ns INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

-- No reference to sources: the ledger outlives them.
CREATE TABLE imports (
    tenant     TEXT NOT NULL,
    site_id    TEXT NOT NULL,
    file       TEXT NOT NULL,
    prefix_len INTEGER NOT NULL,
    lines      INTEGER NOT NULL,
    updated_ns INTEGER NOT NULL,
    PRIMARY KEY (tenant, site_id, file)
) STRICT, WITHOUT ROWID;
