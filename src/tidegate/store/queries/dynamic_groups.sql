-- name: dynamic_group_insert
INSERT INTO dynamic_group (group_id, scope_id, query, status) VALUES (:group, :scope, :query, 'ACTIVE');

-- name: dynamic_group_get
SELECT group_id, scope_id, query, status, walked_to, waited_since FROM dynamic_group WHERE group_id = :group;

-- name: dynamic_group_of_scope
SELECT group_id, scope_id, query, status, walked_to, waited_since FROM dynamic_group
WHERE scope_id = :scope ORDER BY group_id;

-- name: dynamic_group_count
SELECT count(*) FROM dynamic_group WHERE scope_id = :scope;

-- name: dynamic_group_update
UPDATE dynamic_group SET query = :query WHERE group_id = :group;

-- name: dynamic_group_build
UPDATE dynamic_group SET status = :status, walked_to = :walked_to, waited_since = :waited_since, due_at = :due_at
WHERE group_id = :group;

-- name: dynamic_group_delete
DELETE FROM dynamic_group WHERE group_id = :group;

-- name: dynamic_group_of_thing
SELECT m.group_id FROM group_member m JOIN dynamic_group d ON d.group_id = m.group_id
WHERE m.thing_id = :thing ORDER BY m.group_id;

-- name: dynamic_group_count_static
SELECT count(*) FROM group_member m LEFT JOIN dynamic_group d ON d.group_id = m.group_id
WHERE m.thing_id = :thing AND d.group_id IS NULL;

-- name: dynamic_group_next_due
SELECT min(due_at) FROM dynamic_group WHERE due_at IS NOT NULL;

-- name: dynamic_group_claim_due
SELECT group_id, scope_id, query, status, walked_to, waited_since FROM dynamic_group
WHERE due_at <= :now ORDER BY due_at, group_id LIMIT 1;

-- name: dynamic_group_clock
SELECT NULL;

-- name: dynamic_group_awaited
SELECT 1 WHERE :since < 0;

-- name: dynamic_group_take_thing
SELECT id FROM thing WHERE id = :thing AND deleted_at IS NULL;
