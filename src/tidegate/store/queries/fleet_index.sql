-- name: fleet_index_get
SELECT config FROM fleet_index WHERE scope_id = :scope AND index_name = :name;

-- name: fleet_index_put
INSERT INTO fleet_index (scope_id, index_name, config) VALUES (:scope, :name, :config)
ON CONFLICT (scope_id, index_name) DO UPDATE SET config = :config;

-- name: fleet_index_thing
SELECT t.id, t.name, t.uuid, t.attributes, t.version, t.type_name, t.billing_group,
  c.connected, c.at, c.disconnect_reason, c.keep_alive, c.clean_session, c.session_expiry, c.client_id
FROM thing t LEFT JOIN thing_connectivity c ON c.thing_id = t.id
WHERE t.id = :thing AND t.deleted_at IS NULL;

-- name: fleet_index_scan
-- What narrows the scan is null where nothing is known.
SELECT t.id, t.name, t.uuid, t.attributes, t.version, t.type_name, t.billing_group,
  c.connected, c.at, c.disconnect_reason, c.keep_alive, c.clean_session, c.session_expiry, c.client_id
FROM thing t LEFT JOIN thing_connectivity c ON c.thing_id = t.id
WHERE t.scope_id = :scope AND t.name > :after AND t.deleted_at IS NULL
  AND (CAST(:name AS TEXT) IS NULL OR lower(t.name) LIKE :name ESCAPE '!')
  AND (CAST(:type_name AS TEXT) IS NULL OR lower(t.type_name) = :type_name)
  AND (CAST(:group AS TEXT) IS NULL OR lower(t.billing_group) = :group OR t.id IN (
    SELECT m.thing_id FROM thing_group g JOIN group_member m ON m.group_id = g.id
    WHERE g.scope_id = :scope AND lower(g.name) = :group))
  AND (CAST(:attribute AS TEXT) IS NULL OR t.id IN (
    SELECT a.thing_id FROM thing_attribute a
    WHERE a.scope_id = :scope AND a.name = :attribute AND lower(a.value) = :attribute_value))
ORDER BY t.name LIMIT :limit;

-- name: fleet_index_count
SELECT count(*) FROM (SELECT 1 FROM thing WHERE scope_id = :scope AND deleted_at IS NULL LIMIT :limit) counted;

-- name: fleet_index_versions
SELECT version, count(*), max(name) FROM (
  SELECT name, version FROM thing WHERE scope_id = :scope AND name > :after AND deleted_at IS NULL
  ORDER BY name LIMIT :limit) AS page
GROUP BY version;

-- name: fleet_index_attribute_values
SELECT value, count(*), max(thing_id) FROM (
  SELECT value, thing_id FROM thing_attribute
  WHERE scope_id = :scope AND name = :name AND (value, thing_id) > (:value, :thing)
  ORDER BY value, thing_id LIMIT :limit) AS page
GROUP BY value ORDER BY value;

-- name: fleet_index_groups
SELECT m.thing_id, g.id, g.name, d.group_id FROM group_member m JOIN thing_group g ON g.id = m.group_id
LEFT JOIN dynamic_group d ON d.group_id = g.id
WHERE m.thing_id = :thing ORDER BY g.name;

-- name: fleet_index_groups_between
SELECT m.thing_id, g.id, g.name, d.group_id FROM thing t JOIN group_member m ON m.thing_id = t.id
JOIN thing_group g ON g.id = m.group_id LEFT JOIN dynamic_group d ON d.group_id = g.id
WHERE t.scope_id = :scope AND t.name >= :first AND t.name <= :last AND t.deleted_at IS NULL ORDER BY m.thing_id, g.name;

-- name: fleet_index_scan_groups
SELECT id, name, uuid, parent_id, description, attributes, version, created_at
FROM thing_group WHERE scope_id = :scope AND name > :after ORDER BY name LIMIT :limit;
