-- name: role_alias_insert
INSERT INTO role_alias (scope_id, name, role_arn, duration_s, created_at, updated_at)
VALUES (:scope, :name, :role_arn, :duration_s, :now, :now)
ON CONFLICT DO NOTHING RETURNING id;

-- name: role_alias_get
SELECT id, name, role_arn, duration_s, created_at, updated_at
FROM role_alias WHERE scope_id = :scope AND name = :name;

-- name: role_alias_count
SELECT count(*) FROM role_alias WHERE scope_id = :scope;

-- name: role_alias_update
UPDATE role_alias SET role_arn = :role_arn, duration_s = :duration_s, updated_at = :now WHERE id = :id;

-- name: role_alias_delete
DELETE FROM role_alias WHERE id = :id;

-- name: role_alias_list
SELECT id, name FROM role_alias WHERE scope_id = :scope AND id > :after ORDER BY id LIMIT :limit;

-- name: role_alias_list_newest
SELECT id, name FROM role_alias WHERE scope_id = :scope AND id < :before ORDER BY id DESC LIMIT :limit;
