-- name: key_insert
INSERT INTO access_key (key_id, secret, principal, created_at) VALUES (:key_id, :secret, :principal, :created_at)
ON CONFLICT DO NOTHING RETURNING id;

-- name: key_get
SELECT secret, principal FROM access_key WHERE key_id = :key_id;

-- name: key_any
SELECT id FROM access_key LIMIT 1;
