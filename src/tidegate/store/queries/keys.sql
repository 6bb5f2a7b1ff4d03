-- name: key_insert
INSERT INTO access_key
  (key_id, secret, principal, created_at, status, last_used_at, expires_at, token_digest, session_policy)
VALUES
  (:key_id, :secret, :principal, :created_at, :status, :last_used_at, :expires_at, :token_digest, :session_policy)
ON CONFLICT DO NOTHING RETURNING id;

-- name: key_get
SELECT secret, principal, status, last_used_at, expires_at, token_digest, session_policy
FROM access_key WHERE key_id = :key_id;

-- name: key_get_all
SELECT k.key_id, k.secret, k.principal, k.status, k.last_used_at, k.expires_at, k.token_digest, k.session_policy
FROM json_each(:key_ids) w CROSS JOIN access_key k ON k.key_id = w.value;

-- name: key_any
SELECT id FROM access_key LIMIT 1;

-- name: key_list
SELECT key_id, principal, status, created_at, last_used_at, expires_at FROM access_key ORDER BY id;

-- name: key_ids
SELECT key_id FROM access_key WHERE status = :status ORDER BY id DESC LIMIT :most;

-- name: key_secrets
SELECT key_id, secret FROM access_key ORDER BY id;

-- name: key_set_secret
UPDATE access_key SET secret = :secret WHERE key_id = :key_id;

-- name: key_set_status
UPDATE access_key SET status = :status WHERE key_id = :key_id;

-- name: key_used
UPDATE access_key SET last_used_at = :last_used_at WHERE key_id = :key_id;

-- name: key_delete
DELETE FROM access_key WHERE key_id = :key_id;

-- name: key_delete_of
DELETE FROM access_key WHERE principal = :principal;

-- name: key_delete_expired
DELETE FROM access_key WHERE expires_at < :before;
