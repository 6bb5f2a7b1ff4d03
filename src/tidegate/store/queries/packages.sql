-- name: package_insert
INSERT INTO package (scope_id, name, description, created_at, updated_at)
VALUES (:scope, :name, :description, :now, :now)
ON CONFLICT DO NOTHING RETURNING id;

-- name: package_get
SELECT id, name, description, default_version, created_at, updated_at
FROM package WHERE scope_id = :scope AND name = :name;

-- name: package_update
UPDATE package SET description = :description, default_version = :default_version, updated_at = :now WHERE id = :id;

-- name: package_list
SELECT id, name, description, default_version, created_at, updated_at
FROM package WHERE scope_id = :scope AND name > :after ORDER BY name LIMIT :limit;

-- name: package_count
SELECT count(*) FROM package WHERE scope_id = :scope;

-- name: package_delete
DELETE FROM package WHERE id = :id;

-- name: package_configuration_get
SELECT enabled, role_arn FROM package_configuration WHERE scope_id = :scope;

-- name: package_configuration_put
INSERT INTO package_configuration (scope_id, enabled, role_arn, updated_at)
VALUES (:scope, :enabled, :role_arn, :now)
ON CONFLICT (scope_id) DO UPDATE
SET enabled = excluded.enabled, role_arn = excluded.role_arn, updated_at = excluded.updated_at;
