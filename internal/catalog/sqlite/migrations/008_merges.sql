-- Merges of ids that were undone. What they join is found in the events.
CREATE TABLE undone_merges (
    tenant    TEXT NOT NULL REFERENCES tenants (id),
    site_id   TEXT NOT NULL,
    id        TEXT NOT NULL,
    actor     TEXT NOT NULL, -- who undid it
    undone_ns INTEGER NOT NULL,
    PRIMARY KEY (tenant, site_id, id)
) STRICT, WITHOUT ROWID;
