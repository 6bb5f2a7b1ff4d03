-- name: authorizer_insert
INSERT INTO authorizer
  (scope_id, name, function_arn, token_key_name, public_keys, status, signing_disabled, caching, is_default,
   created_at, updated_at)
VALUES
  (:scope, :name, :function_arn, :token_key_name, :public_keys, :status, :signing_disabled, :caching, 0, :now, :now)
ON CONFLICT DO NOTHING RETURNING id;

-- name: authorizer_get
SELECT id, name, function_arn, token_key_name, public_keys, status, signing_disabled, caching, is_default, created_at,
  updated_at
FROM authorizer WHERE scope_id = :scope AND name = :name;

-- name: authorizer_by_id
SELECT id, name, function_arn, token_key_name, public_keys, status, signing_disabled, caching, is_default, created_at,
  updated_at
FROM authorizer WHERE id = :id;

-- name: authorizer_get_default
SELECT id, name, function_arn, token_key_name, public_keys, status, signing_disabled, caching, is_default, created_at,
  updated_at
FROM authorizer WHERE scope_id = :scope AND is_default = 1;

-- name: authorizer_count
SELECT count(*) FROM authorizer WHERE scope_id = :scope;

-- name: authorizer_update
UPDATE authorizer SET function_arn = :function_arn, token_key_name = :token_key_name, public_keys = :public_keys,
  status = :status, caching = :caching, updated_at = :now
WHERE id = :id;

-- name: authorizer_set_default
UPDATE authorizer SET is_default = :is_default WHERE id = :id;

-- name: authorizer_delete
DELETE FROM authorizer WHERE id = :id;

-- name: authorizer_list
SELECT id, name FROM authorizer
WHERE scope_id = :scope AND id > :after AND (status = :status OR :status = '') ORDER BY id LIMIT :limit;

-- name: authorizer_list_newest
SELECT id, name FROM authorizer
WHERE scope_id = :scope AND id < :before AND (status = :status OR :status = '') ORDER BY id DESC LIMIT :limit;
