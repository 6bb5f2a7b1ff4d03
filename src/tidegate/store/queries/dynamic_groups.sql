-- name: dynamic_group_insert
INSERT INTO dynamic_group (group_id, scope_id, query, status) VALUES (:group, :scope, :query, 'ACTIVE');

-- name: dynamic_group_get
SELECT d.group_id, d.scope_id, g.name, g.uuid, d.query, d.status, d.walked_to, d.waited_since
FROM dynamic_group d JOIN thing_group g ON g.id = d.group_id WHERE d.group_id = :group;

-- name: dynamic_group_of_scope
SELECT d.group_id, d.scope_id, g.name, g.uuid, d.query, d.status, d.walked_to, d.waited_since
FROM dynamic_group d JOIN thing_group g ON g.id = d.group_id WHERE d.scope_id = :scope ORDER BY d.group_id;

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
SELECT d.group_id, d.scope_id, g.name, g.uuid, d.query, d.status, d.walked_to, d.waited_since
FROM group_member m JOIN dynamic_group d ON d.group_id = m.group_id JOIN thing_group g ON g.id = d.group_id
WHERE m.thing_id = :thing ORDER BY d.group_id;

-- name: dynamic_group_next_due
SELECT min(due_at) FROM dynamic_group WHERE due_at IS NOT NULL;

-- name: dynamic_group_claim_due
SELECT d.group_id, d.scope_id, g.name, g.uuid, d.query, d.status, d.walked_to, d.waited_since
FROM dynamic_group d JOIN thing_group g ON g.id = d.group_id WHERE d.due_at <= :now ORDER BY d.due_at, d.group_id LIMIT 1;

-- name: dynamic_group_clock
SELECT NULL;

-- name: dynamic_group_awaited
SELECT 1 WHERE :since < 0;

-- name: dynamic_group_take_thing
SELECT id FROM thing WHERE id = :thing AND deleted_at IS NULL;
