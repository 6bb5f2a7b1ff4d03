-- name: billing_group_insert
INSERT INTO billing_group (scope_id, name, uuid, description, version, created_at)
VALUES (:scope, :name, :uuid, :description, 1, :now)
ON CONFLICT DO NOTHING RETURNING id;

-- name: billing_group_get
SELECT id, name, uuid, description, version, created_at
FROM billing_group WHERE scope_id = :scope AND name = :name;

-- name: billing_group_count
SELECT count(*) FROM billing_group WHERE scope_id = :scope;

-- name: billing_group_update
UPDATE billing_group SET description = :description, version = version + 1 WHERE id = :id RETURNING version;

-- name: billing_group_delete
DELETE FROM billing_group WHERE id = :id;

-- name: billing_group_list
SELECT name FROM billing_group
WHERE scope_id = :scope AND name > :after AND name >= :first AND name <= :last ORDER BY name LIMIT :limit;

-- name: billing_group_join
UPDATE thing SET billing_group = :name WHERE id = :thing;

-- name: billing_group_leave
UPDATE thing SET billing_group = NULL WHERE id = :thing;

-- name: billing_group_leave_all
UPDATE thing SET billing_group = NULL WHERE scope_id = :scope AND billing_group = :name RETURNING id;

-- name: billing_group_member_list
SELECT name FROM thing
WHERE scope_id = :scope AND billing_group = :group AND name > :after ORDER BY name LIMIT :limit;
