
-- An email address is unique among the users of one tenant: whether another tenant has it must not show.
CREATE TABLE users_by_tenant (
    tenant     TEXT NOT NULL,
    id         TEXT NOT NULL,
    role       TEXT NOT NULL,
    name       TEXT NOT NULL,
    email      TEXT NOT NULL COLLATE NOCASE,
    password   TEXT NOT NULL,
    created_ns INTEGER NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, email)
) STRICT, WITHOUT ROWID;
INSERT INTO users_by_tenant SELECT tenant, id, role, name, email, password, created_ns FROM users;
DROP TABLE users;
ALTER TABLE users_by_tenant RENAME TO users;
