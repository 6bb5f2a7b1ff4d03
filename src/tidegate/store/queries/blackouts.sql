-- name: blackout_put
INSERT INTO blackout (scope_id, name, config, created_at) VALUES (:scope, :name, :config, :now)
ON CONFLICT (scope_id, name) DO UPDATE SET config = excluded.config;

-- name: blackout_list
SELECT name, config, created_at FROM blackout WHERE scope_id = :scope ORDER BY name;

-- name: blackout_delete
DELETE FROM blackout WHERE scope_id = :scope AND name = :name;
