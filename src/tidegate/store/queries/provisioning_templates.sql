-- name: provisioning_template_insert
INSERT INTO provisioning_template (scope_id, name, type, description, enabled, role_arn, hook, default_version,
  last_version, created_at, updated_at)
VALUES (:scope, :name, :type, :description, :enabled, :role_arn, :hook, 1, 1, :created_at, :created_at)
ON CONFLICT DO NOTHING RETURNING id;

-- name: provisioning_template_get
SELECT id, name, type, description, enabled, role_arn, hook, default_version, last_version, created_at, updated_at
FROM provisioning_template WHERE scope_id = :scope AND name = :name;

-- name: provisioning_template_list
SELECT id, name, type, description, enabled, role_arn, hook, default_version, last_version, created_at, updated_at
FROM provisioning_template WHERE scope_id = :scope AND name > :after ORDER BY name LIMIT :limit;

-- name: provisioning_template_update
UPDATE provisioning_template SET description = :description, enabled = :enabled, role_arn = :role_arn, hook = :hook,
  default_version = :default_version, last_version = :last_version, updated_at = :now
WHERE id = :id;

-- name: provisioning_template_delete
DELETE FROM provisioning_template WHERE id = :id;

-- name: provisioning_template_version_insert
INSERT INTO provisioning_template_version (template_id, version, body, created_at)
VALUES (:template, :version, :body, :now);

-- name: provisioning_template_version_get
SELECT version, body, created_at FROM provisioning_template_version
WHERE template_id = :template AND version = :version;

-- name: provisioning_template_version_list
SELECT version, body, created_at FROM provisioning_template_version
WHERE template_id = :template AND version > :after ORDER BY version LIMIT :limit;

-- name: provisioning_template_version_count
SELECT count(*) FROM provisioning_template_version WHERE template_id = :template;

-- name: provisioning_template_version_delete
DELETE FROM provisioning_template_version WHERE template_id = :template AND version = :version;

-- name: provisioning_template_version_delete_all
DELETE FROM provisioning_template_version WHERE template_id = :template;
