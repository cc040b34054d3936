-- Since when a tenant is suspended (0: it is not), and why.
ALTER TABLE tenants ADD COLUMN suspended_ns INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tenants ADD COLUMN suspended_for TEXT NOT NULL DEFAULT '';
