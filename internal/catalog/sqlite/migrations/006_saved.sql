-- What users keep: goals, segments and cohorts of a site, dashboards of the tenant.
CREATE TABLE saved (
    tenant     TEXT NOT NULL REFERENCES tenants (id),
    kind       TEXT NOT NULL,
    id         TEXT NOT NULL,
    site_id    TEXT NOT NULL, -- empty: of the tenant
    name       TEXT NOT NULL,
    folded     TEXT NOT NULL, -- the name as it is compared
    body       TEXT NOT NULL, -- JSON
    version    INTEGER NOT NULL,
    owner      TEXT NOT NULL,
    created_ns INTEGER NOT NULL,
    updated_ns INTEGER NOT NULL,
    PRIMARY KEY (tenant, kind, id),
    UNIQUE (tenant, kind, site_id, folded)
) STRICT, WITHOUT ROWID;
