-- name: scope_get
SELECT id FROM scope WHERE account = :account AND region = :region;

-- name: scope_insert
INSERT INTO scope (account, region) VALUES (:account, :region) ON CONFLICT DO NOTHING RETURNING id;

-- name: scope_name
SELECT account, region FROM scope WHERE id = :id;

-- name: scope_touch
INSERT INTO scope (account, region) VALUES (:account, :region) ON CONFLICT (account, region) DO UPDATE SET region = :region;

-- name: scope_regions
SELECT region FROM scope WHERE account = :account ORDER BY region;
