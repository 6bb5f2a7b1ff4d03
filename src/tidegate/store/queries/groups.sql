-- name: group_insert
INSERT INTO thing_group (scope_id, name, uuid, parent_id, description, attributes, version, created_at)
VALUES (:scope, :name, :uuid, :parent_id, :description, :attributes, 1, :now)
ON CONFLICT DO NOTHING RETURNING id;

-- name: group_get
SELECT id, name, uuid, parent_id, description, attributes, version, created_at
FROM thing_group WHERE scope_id = :scope AND name = :name;

-- name: group_get_by_uuid
SELECT id, name, uuid, parent_id, description, attributes, version, created_at
FROM thing_group WHERE scope_id = :scope AND uuid = :uuid;

-- name: group_update
UPDATE thing_group SET description = :description, attributes = :attributes, version = version + 1
WHERE id = :id RETURNING version;

-- name: group_delete
DELETE FROM thing_group WHERE id = :id;

-- name: group_member_delete_all
DELETE FROM group_member WHERE group_id = :group;

-- name: group_policy_delete_all
DELETE FROM policy_target WHERE scope_id = :scope AND target_arn = :arn;

-- name: group_count_children
SELECT count(*) FROM thing_group WHERE parent_id = :group;

-- name: group_lineage
WITH RECURSIVE up (id, parent_id, height) AS (
  SELECT id, parent_id, 0 FROM thing_group WHERE id = :group
  UNION ALL
  SELECT g.id, g.parent_id, up.height + 1 FROM up JOIN thing_group g ON g.id = up.parent_id)
SELECT g.id, g.name, g.uuid, g.parent_id, g.description, g.attributes, g.version, g.created_at
FROM up JOIN thing_group g ON g.id = up.id WHERE up.height > 0 ORDER BY up.height DESC;

-- name: group_descendants
WITH RECURSIVE below (id) AS (
  SELECT id FROM thing_group WHERE id = :group
  UNION ALL
  SELECT g.id FROM below JOIN thing_group g ON g.parent_id = below.id)
SELECT id FROM below ORDER BY id;

-- name: group_inhabited
WITH RECURSIVE below (id) AS (
  SELECT id FROM thing_group WHERE id = :group
  UNION ALL
  SELECT g.id FROM below JOIN thing_group g ON g.parent_id = below.id)
SELECT id FROM below
WHERE id >= :since AND EXISTS (SELECT 1 FROM group_member m WHERE m.group_id = below.id) ORDER BY id;

-- name: group_list
SELECT id, name FROM thing_group
WHERE scope_id = :scope AND name > :after AND name >= :first AND name <= :last ORDER BY name LIMIT :limit;

-- name: group_list_roots
SELECT id, name FROM thing_group
WHERE scope_id = :scope AND parent_id IS NULL AND name > :after AND name >= :first AND name <= :last
ORDER BY name LIMIT :limit;

-- name: group_list_children
SELECT id, name FROM thing_group
WHERE parent_id = :parent AND name > :after AND name >= :first AND name <= :last ORDER BY name LIMIT :limit;

-- name: group_list_below
WITH RECURSIVE below (id) AS (
  SELECT id FROM thing_group WHERE parent_id = :parent
  UNION ALL
  SELECT g.id FROM below JOIN thing_group g ON g.parent_id = below.id)
SELECT g.id, g.name FROM below JOIN thing_group g ON g.id = below.id
WHERE g.name > :after AND g.name >= :first AND g.name <= :last ORDER BY g.name LIMIT :limit;

-- name: group_of_thing
SELECT g.id, g.name, g.uuid, g.parent_id, g.description, g.attributes, g.version, g.created_at
FROM group_member m JOIN thing_group g ON g.id = m.group_id WHERE m.thing_id = :thing ORDER BY g.name;

-- name: group_above_thing
WITH RECURSIVE up (id, parent_id) AS (
  SELECT g.id, g.parent_id FROM group_member m JOIN thing_group g ON g.id = m.group_id WHERE m.thing_id = :thing
  UNION
  SELECT g.id, g.parent_id FROM up JOIN thing_group g ON g.id = up.parent_id)
SELECT g.id, g.name, g.uuid, g.parent_id, g.description, g.attributes, g.version, g.created_at
FROM up JOIN thing_group g ON g.id = up.id ORDER BY g.name;

-- name: group_member_insert
INSERT INTO group_member (group_id, thing_id, joined_at) VALUES (:group, :thing, :now)
ON CONFLICT DO NOTHING RETURNING thing_id;

-- name: group_member_delete
DELETE FROM group_member WHERE group_id = :group AND thing_id = :thing;

-- name: group_member_delete_thing
DELETE FROM group_member WHERE thing_id = :thing;

-- name: group_member_list
-- The bound is said of both sides: a merge join would read the things from the first one on.
SELECT m.thing_id, t.name FROM group_member m JOIN thing t ON t.id = m.thing_id
WHERE m.group_id = :group AND m.thing_id > :after AND t.id > :after ORDER BY m.thing_id LIMIT :limit;

-- name: group_member_ids
SELECT thing_id FROM group_member WHERE group_id = :group ORDER BY thing_id;

-- name: group_member_count
SELECT count(*) FROM group_member WHERE group_id = :group;

-- name: group_latest_join
SELECT max(joined_at) FROM group_member WHERE group_id = :group;

-- name: group_joined_at
SELECT joined_at FROM group_member WHERE group_id = :group AND thing_id = :thing;

-- name: group_member_list_all
SELECT t.name, t.uuid, m.joined_at FROM group_member m JOIN thing t ON t.id = m.thing_id
WHERE m.group_id = :group ORDER BY m.thing_id;
