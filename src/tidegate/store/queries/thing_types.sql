-- name: thing_type_insert
INSERT INTO thing_type (scope_id, name, uuid, description, searchable, mqtt5, created_at)
VALUES (:scope, :name, :uuid, :description, :searchable, :mqtt5, :now)
ON CONFLICT DO NOTHING RETURNING id;

-- name: thing_type_get
SELECT id, name, uuid, description, searchable, mqtt5, deprecated_at, created_at
FROM thing_type WHERE scope_id = :scope AND name = :name;

-- name: thing_type_list
SELECT id, name, uuid, description, searchable, mqtt5, deprecated_at, created_at
FROM thing_type WHERE scope_id = :scope AND name > :after ORDER BY name LIMIT :limit;

-- name: thing_type_put_mqtt5
UPDATE thing_type SET mqtt5 = :mqtt5 WHERE id = :id;

-- name: thing_type_put_deprecated
UPDATE thing_type SET deprecated_at = :deprecated_at WHERE id = :id;

-- name: thing_type_delete
DELETE FROM thing_type WHERE id = :id;
