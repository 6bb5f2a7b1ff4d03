-- name: ota_update_insert
INSERT INTO ota_update
  (scope_id, name, status, job_name, stream_name, made_stream, request, created_at, updated_at)
VALUES (:scope, :name, :status, :job_name, :stream_name, :made_stream, :request, :now, :now)
ON CONFLICT DO NOTHING RETURNING id;

-- name: ota_update_get
SELECT id, name, status, job_name, stream_name, made_stream, request, created_at, updated_at
FROM ota_update WHERE scope_id = :scope AND name = :name;

-- name: ota_update_delete
DELETE FROM ota_update WHERE id = :id;

-- name: ota_update_list
SELECT id, name, status, job_name, stream_name, made_stream, request, created_at, updated_at
FROM ota_update
WHERE scope_id = :scope AND id < :before AND (CAST(:status AS TEXT) IS NULL OR status = :status)
ORDER BY id DESC LIMIT :limit;

-- name: ota_update_of_stream
SELECT name FROM ota_update WHERE scope_id = :scope AND stream_name = :stream AND id <> :except ORDER BY id LIMIT 1;
