-- name: stream_insert
INSERT INTO stream (scope_id, name, description, role_arn, version, files, created_at, updated_at)
VALUES (:scope, :name, :description, :role_arn, 1, :files, :now, :now)
ON CONFLICT DO NOTHING RETURNING id;

-- name: stream_get
SELECT id, name, description, role_arn, version, files, created_at, updated_at
FROM stream WHERE scope_id = :scope AND name = :name;

-- name: stream_update
UPDATE stream
SET description = :description, role_arn = :role_arn, version = :version, files = :files, updated_at = :now
WHERE id = :id;

-- name: stream_delete
DELETE FROM stream WHERE id = :id;

-- name: stream_count
SELECT count(*) FROM stream WHERE scope_id = :scope;

-- name: stream_list_up
SELECT id, name, description, role_arn, version, files, created_at, updated_at
FROM stream WHERE scope_id = :scope AND id > :after ORDER BY id LIMIT :limit;

-- name: stream_list_down
SELECT id, name, description, role_arn, version, files, created_at, updated_at
FROM stream WHERE scope_id = :scope AND id < :before ORDER BY id DESC LIMIT :limit;

-- name: stream_of_device
SELECT stream.version, stream.description, stream.files, thing.id
FROM stream LEFT JOIN thing ON thing.scope_id = :scope AND thing.name = :thing
WHERE stream.scope_id = :scope AND stream.name = :name;
