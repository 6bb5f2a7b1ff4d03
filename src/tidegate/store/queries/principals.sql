-- name: principal_insert
INSERT INTO principal (arn, tags, created_at) VALUES (:arn, :tags, :created_at) ON CONFLICT DO NOTHING RETURNING id;

-- name: principal_get
SELECT id, arn, tags, created_at, device_session_s FROM principal WHERE arn = :arn;

-- name: principal_standing
SELECT p.arn, p.tags, c.name, c.document
FROM json_each(:arns) w CROSS JOIN principal p ON p.arn = w.value
LEFT JOIN principal_policy c ON c.principal_id = p.id ORDER BY p.arn, c.name;

-- name: principal_list
SELECT id, arn, tags, created_at, device_session_s FROM principal ORDER BY arn;

-- name: principal_set_device_session
UPDATE principal SET device_session_s = :longest_s WHERE id = :id;

-- name: principal_delete
DELETE FROM principal WHERE id = :id;

-- name: principal_policy_put
INSERT INTO principal_policy (principal_id, name, document, updated_at)
VALUES (:principal_id, :name, :document, :updated_at)
ON CONFLICT (principal_id, name) DO UPDATE SET document = excluded.document, updated_at = excluded.updated_at;

-- name: principal_policy_list
SELECT name, document FROM principal_policy WHERE principal_id = :principal_id ORDER BY name;

-- name: principal_policy_delete
DELETE FROM principal_policy WHERE principal_id = :principal_id AND name = :name;

-- name: principal_policy_delete_all
DELETE FROM principal_policy WHERE principal_id = :principal_id;
