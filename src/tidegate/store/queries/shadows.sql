-- name: shadow_get
SELECT version, document FROM shadow WHERE scope_id = :scope AND thing_name = :thing AND name = :name;

-- name: shadow_insert
INSERT INTO shadow (scope_id, thing_name, name, version, document, updated_at)
VALUES (:scope, :thing, :name, :version, :document, :now)
ON CONFLICT DO NOTHING RETURNING version;

-- name: shadow_put
UPDATE shadow SET version = :version, document = :document, updated_at = :now
WHERE scope_id = :scope AND thing_name = :thing AND name = :name AND version = :former
  AND (document IS NULL) = (CAST(:existed AS BIGINT) = 0)
RETURNING version;

-- name: shadow_deleted
SELECT scope_id, thing_name, name, document IS NULL AND updated_at <= :before FROM shadow
WHERE (scope_id, thing_name, name) > (:scope, :thing, :name)
ORDER BY scope_id, thing_name, name LIMIT :limit;

-- name: shadow_forget
DELETE FROM shadow
WHERE scope_id = :scope AND thing_name = :thing AND name = :name AND document IS NULL AND updated_at <= :before;

-- name: shadow_list
SELECT name FROM shadow
WHERE scope_id = :scope AND thing_name = :thing AND name > :after AND document IS NOT NULL
ORDER BY name LIMIT :limit;

-- name: shadow_of_thing
SELECT s.name, s.version, s.document FROM thing t JOIN shadow s ON s.scope_id = t.scope_id AND s.thing_name = t.name
WHERE t.id = :thing AND t.deleted_at IS NULL AND s.document IS NOT NULL ORDER BY s.name;

