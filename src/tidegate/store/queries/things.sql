-- name: thing_insert
INSERT INTO thing (scope_id, name, uuid, attributes, version, created_at, type_name, billing_group)
VALUES (:scope, :name, :uuid, :attributes, 1, :now, :type_name, :billing_group)
ON CONFLICT DO NOTHING RETURNING id;

-- name: thing_get
SELECT id, name, uuid, attributes, version, created_at, type_name, billing_group
FROM thing WHERE scope_id = :scope AND name = :name AND deleted_at IS NULL;

-- name: thing_name
SELECT scope_id, name FROM thing WHERE id = :id AND deleted_at IS NULL;

-- name: thing_update
UPDATE thing SET attributes = :attributes, type_name = :type_name, version = version + 1 WHERE id = :id;

-- name: thing_list
SELECT id, name, uuid, attributes, version, created_at, type_name, billing_group
FROM thing WHERE scope_id = :scope AND name > :after AND deleted_at IS NULL ORDER BY name LIMIT :limit;

-- name: thing_list_by_type
SELECT id, name, uuid, attributes, version, created_at, type_name, billing_group
FROM thing WHERE scope_id = :scope AND type_name = :type_name AND name > :after ORDER BY name LIMIT :limit;

-- name: thing_list_by_attribute
SELECT a.value, t.id, t.name, t.uuid, t.attributes, t.version, t.created_at, t.type_name, t.billing_group
FROM thing_attribute a JOIN thing t ON t.id = a.thing_id
WHERE a.scope_id = :scope AND a.name = :name AND a.value <= :last AND (a.value, a.thing_id) > (:value, :thing)
ORDER BY a.value, a.thing_id LIMIT :limit;

-- name: thing_bury
UPDATE thing SET deleted_at = :now, type_name = NULL, billing_group = NULL WHERE id = :id;

-- name: thing_delete
DELETE FROM thing WHERE id = :id;

-- name: thing_forget
DELETE FROM thing WHERE id = :id AND deleted_at IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM execution e WHERE e.thing_id = thing.id);

-- name: thing_attribute_insert
INSERT INTO thing_attribute (scope_id, name, value, thing_id) VALUES (:scope, :name, :value, :thing);

-- name: thing_attribute_delete
DELETE FROM thing_attribute WHERE scope_id = :scope AND name = :name AND value = :value AND thing_id = :thing;

-- name: thing_certificates
SELECT c.certificate_id FROM thing_principal p JOIN certificate c ON c.id = p.certificate_id
WHERE p.thing_id = :thing ORDER BY c.certificate_id;

-- name: thing_ids
SELECT t.name, t.id FROM json_each(:names) w
CROSS JOIN thing t ON t.scope_id = :scope AND t.name = w.value AND t.deleted_at IS NULL;
