-- Thing types and billing groups, and which of them a thing has: by name, because neither is ever renamed and a type
-- outlives its things. A buried thing has none.

CREATE TABLE thing_type (
  id @id@,
  scope_id BIGINT NOT NULL,
  name @name@ NOT NULL,
  uuid TEXT NOT NULL,
  description TEXT,
  searchable TEXT NOT NULL,
  mqtt5 TEXT,
  deprecated_at BIGINT,
  created_at BIGINT NOT NULL,
  UNIQUE (scope_id, name)
);

CREATE TABLE billing_group (
  id @id@,
  scope_id BIGINT NOT NULL,
  name @name@ NOT NULL,
  uuid TEXT NOT NULL,
  description TEXT,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  UNIQUE (scope_id, name)
);

ALTER TABLE thing ADD COLUMN type_name @name@;
ALTER TABLE thing ADD COLUMN billing_group @name@;
CREATE INDEX thing_by_type ON thing (scope_id, type_name, name) WHERE type_name IS NOT NULL;
CREATE INDEX thing_by_billing_group ON thing (scope_id, billing_group, name) WHERE billing_group IS NOT NULL;
