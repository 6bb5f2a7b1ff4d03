-- name: command_insert
INSERT INTO command (
  scope_id, name, namespace, display_name, description, content, content_type, template, output_format, parameters,
  role_arn, created_at, updated_at
)
VALUES (
  :scope, :name, :namespace, :display_name, :description, :content, :content_type, :template, :output_format,
  :parameters, :role_arn, :now, :now
)
ON CONFLICT DO NOTHING RETURNING id;

-- name: command_parameter_insert
INSERT INTO command_parameter (command_id, name) VALUES (:command, :name);

-- name: command_get
SELECT
  id, name, namespace, display_name, description, content, content_type, template, output_format, parameters, role_arn,
  deprecated_at, delete_at, created_at, updated_at
FROM command WHERE scope_id = :scope AND name = :name;

-- name: command_update
UPDATE command SET
  display_name = :display_name, description = :description, deprecated_at = :deprecated_at, delete_at = :delete_at,
  updated_at = :now
WHERE id = :id;

-- name: command_list_upward
SELECT id, name, display_name, deprecated_at, created_at, updated_at
FROM command
WHERE scope_id = :scope AND id > :after AND delete_at IS NULL AND namespace = COALESCE(:namespace, namespace)
  AND (:any_parameter = 1 OR EXISTS (SELECT 1 FROM command_parameter p WHERE p.command_id = id AND p.name = :parameter))
ORDER BY id LIMIT :limit;

-- name: command_list_downward
SELECT id, name, display_name, deprecated_at, created_at, updated_at
FROM command
WHERE scope_id = :scope AND id < :before AND delete_at IS NULL AND namespace = COALESCE(:namespace, namespace)
  AND (:any_parameter = 1 OR EXISTS (SELECT 1 FROM command_parameter p WHERE p.command_id = id AND p.name = :parameter))
ORDER BY id DESC LIMIT :limit;

-- name: command_count
SELECT count(*) FROM command WHERE scope_id = :scope;

-- name: command_delete
DELETE FROM command WHERE id = :id;

-- name: command_parameter_delete
DELETE FROM command_parameter WHERE command_id = :command;

-- name: command_next_deletion
SELECT min(delete_at) FROM command WHERE delete_at IS NOT NULL;

-- name: command_due
SELECT c.id, c.name, c.scope_id, s.account, s.region
FROM command c JOIN scope s ON s.id = c.scope_id
WHERE c.delete_at <= :until ORDER BY c.delete_at, c.id LIMIT :limit;
