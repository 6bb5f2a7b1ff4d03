-- name: tag_put
INSERT INTO tag (scope_id, resource_arn, tag_key, tag_value) VALUES (:scope, :arn, :key, :value)
ON CONFLICT (scope_id, resource_arn, tag_key) DO UPDATE SET tag_value = excluded.tag_value;

-- name: tag_list
SELECT tag_key, tag_value FROM tag WHERE scope_id = :scope AND resource_arn = :arn ORDER BY tag_key;

-- name: tag_delete
DELETE FROM tag WHERE scope_id = :scope AND resource_arn = :arn AND tag_key = :key;

-- name: tag_delete_all
DELETE FROM tag WHERE scope_id = :scope AND resource_arn = :arn;
