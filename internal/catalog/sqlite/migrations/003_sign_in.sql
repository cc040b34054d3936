-- Keys of operators have no tenant: the table without its reference to tenants. A trigger-free rebuild; nothing refers to keys.
CREATE TABLE keys_new (
    tenant     TEXT NOT NULL,
    id         TEXT NOT NULL,
    role       TEXT NOT NULL,
    site_id    TEXT NOT NULL,
    name       TEXT NOT NULL,
    hash       BLOB NOT NULL UNIQUE,
    created_ns INTEGER NOT NULL,
    expires_ns INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;
INSERT INTO keys_new SELECT tenant, id, role, site_id, name, hash, created_ns, expires_ns FROM keys;
DROP TABLE keys;
ALTER TABLE keys_new RENAME TO keys;

-- revision is the value of table revision at the last change of an operator's key or user.
CREATE TABLE operators (
    one      INTEGER PRIMARY KEY CHECK (one = 1),
    revision INTEGER NOT NULL
) STRICT;
INSERT INTO operators VALUES (1, 0);

-- When a key was last used, to the minute. It is written late and lost without harm.
CREATE TABLE key_uses (
    tenant  TEXT NOT NULL,
    id      TEXT NOT NULL,
    used_ns INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

-- Browsers that are signed in. hash is the SHA-256 of what the cookie holds; user is local:<id> or oidc:<subject>.
CREATE TABLE sessions (
    hash       BLOB PRIMARY KEY,
    tenant     TEXT NOT NULL,
    user       TEXT NOT NULL,
    role       TEXT NOT NULL,
    name       TEXT NOT NULL,
    created_ns INTEGER NOT NULL,
    seen_ns    INTEGER NOT NULL,
    expires_ns INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_user ON sessions (tenant, user);
CREATE INDEX sessions_expires ON sessions (expires_ns);
