-- name: policy_insert
INSERT INTO policy (scope_id, name, uuid, default_version, last_version, created_at, updated_at)
VALUES (:scope, :name, :uuid, 1, 1, :now, :now)
ON CONFLICT DO NOTHING RETURNING id;

-- name: policy_get
SELECT id, name, uuid, default_version, last_version, created_at, updated_at
FROM policy WHERE scope_id = :scope AND name = :name;

-- name: policy_list
SELECT id, name FROM policy WHERE scope_id = :scope AND id > :after ORDER BY id LIMIT :limit;

-- name: policy_list_newest
SELECT id, name FROM policy WHERE scope_id = :scope AND id < :before ORDER BY id DESC LIMIT :limit;

-- name: policy_set_default
UPDATE policy SET default_version = :version, updated_at = :now WHERE id = :id;

-- name: policy_set_last
UPDATE policy SET last_version = :version, updated_at = :now WHERE id = :id;

-- name: policy_delete
DELETE FROM policy WHERE id = :id;

-- name: policy_version_insert
INSERT INTO policy_version (policy_id, version, uuid, document, created_at)
VALUES (:policy, :version, :uuid, :document, :now);

-- name: policy_version_get
SELECT version, uuid, document, created_at FROM policy_version WHERE policy_id = :policy AND version = :version;

-- name: policy_version_list
SELECT version, uuid, document, created_at FROM policy_version WHERE policy_id = :policy ORDER BY version DESC;

-- name: policy_version_count
SELECT count(*) FROM policy_version WHERE policy_id = :policy;

-- name: policy_version_delete
DELETE FROM policy_version WHERE policy_id = :policy AND version = :version;

-- name: policy_target_insert
INSERT INTO policy_target (scope_id, policy_id, target_arn) VALUES (:scope, :policy, :target)
ON CONFLICT DO NOTHING RETURNING id;

-- name: policy_target_delete
DELETE FROM policy_target WHERE policy_id = :policy AND target_arn = :target;

-- name: policy_target_forget
DELETE FROM policy_target WHERE scope_id = :scope AND target_arn = :target;

-- name: policy_target_count
SELECT count(*) FROM policy_target WHERE scope_id = :scope AND target_arn = :target;

-- name: policy_target_any
SELECT 1 FROM policy_target WHERE policy_id = :policy LIMIT 1;

-- name: policy_target_list
SELECT id, target_arn FROM policy_target
WHERE policy_id = :policy AND id > :after AND (CAST(:size AS INTEGER) = 0 OR substr(target_arn, 1, CAST(:size AS INTEGER)) <> :without)
ORDER BY id LIMIT :limit;

-- name: policy_target_list_newest
SELECT id, target_arn FROM policy_target
WHERE policy_id = :policy AND id < :before AND (CAST(:size AS INTEGER) = 0 OR substr(target_arn, 1, CAST(:size AS INTEGER)) <> :without)
ORDER BY id DESC LIMIT :limit;

-- name: policy_of_target
SELECT p.id, p.name FROM policy_target t JOIN policy p ON p.id = t.policy_id
WHERE t.scope_id = :scope AND t.target_arn = :target AND p.id > :after ORDER BY p.id LIMIT :limit;

-- name: policy_of_target_newest
SELECT p.id, p.name FROM policy_target t JOIN policy p ON p.id = t.policy_id
WHERE t.scope_id = :scope AND t.target_arn = :target AND p.id < :before ORDER BY p.id DESC LIMIT :limit;

-- name: policy_of_group_line
WITH RECURSIVE line (id, name, parent_id) AS (
  SELECT id, name, parent_id FROM thing_group WHERE scope_id = :scope AND name = :group
  UNION
  SELECT g.id, g.name, g.parent_id FROM thing_group g JOIN line ON g.id = line.parent_id)
SELECT DISTINCT p.id, p.name FROM line
JOIN policy_target t ON t.scope_id = :scope AND t.target_arn = CAST(:prefix AS TEXT) || line.name
JOIN policy p ON p.id = t.policy_id
WHERE p.id > :after ORDER BY p.id LIMIT :limit;

-- name: policy_in_force
SELECT p.name, v.document, p.default_version FROM policy_target t
JOIN policy p ON p.id = t.policy_id
JOIN policy_version v ON v.policy_id = p.id AND v.version = p.default_version
WHERE t.scope_id = :scope AND t.target_arn = :target ORDER BY p.name;

-- name: policy_named_in_force
SELECT p.name, v.document, p.default_version FROM policy p
JOIN policy_version v ON v.policy_id = p.id AND v.version = p.default_version
WHERE p.scope_id = :scope AND p.name = :name;

-- name: policy_in_force_for_group
WITH RECURSIVE line (id, name, parent_id) AS (
  SELECT id, name, parent_id FROM thing_group WHERE scope_id = :scope AND name = :group
  UNION
  SELECT g.id, g.name, g.parent_id FROM thing_group g JOIN line ON g.id = line.parent_id)
SELECT DISTINCT p.name, v.document, p.default_version FROM line
JOIN policy_target t ON t.scope_id = :scope AND t.target_arn = CAST(:prefix AS TEXT) || line.name
JOIN policy p ON p.id = t.policy_id
JOIN policy_version v ON v.policy_id = p.id AND v.version = p.default_version
ORDER BY p.name;

-- name: policy_in_force_for_thing
WITH RECURSIVE line (id, name, parent_id) AS (
  SELECT g.id, g.name, g.parent_id FROM group_member m JOIN thing_group g ON g.id = m.group_id WHERE m.thing_id = :thing
  UNION
  SELECT g.id, g.name, g.parent_id FROM thing_group g JOIN line ON g.id = line.parent_id)
SELECT DISTINCT p.name, v.document, p.default_version FROM line
JOIN policy_target t ON t.scope_id = :scope AND t.target_arn = CAST(:prefix AS TEXT) || line.name
JOIN policy p ON p.id = t.policy_id
JOIN policy_version v ON v.policy_id = p.id AND v.version = p.default_version
ORDER BY p.name;
