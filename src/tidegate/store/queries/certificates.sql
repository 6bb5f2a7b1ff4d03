-- name: certificate_insert
INSERT INTO certificate (scope_id, certificate_id, uuid, pem, status, mode, registered, not_before, not_after,
  created_at, updated_at, version, ca_certificate_id)
VALUES (:scope, :certificate_id, :uuid, :pem, :status, :mode, :registered, :not_before, :not_after,
  :created_at, :created_at, 1, :ca_certificate_id)
ON CONFLICT DO NOTHING RETURNING id;

-- name: certificate_get
SELECT id, certificate_id, uuid, pem, status, mode, not_before, not_after, created_at, updated_at, version,
  registered, ca_certificate_id
FROM certificate WHERE scope_id = :scope AND certificate_id = :certificate_id;

-- name: certificate_owners
SELECT c.scope_id, s.account, s.region, c.id, c.pem, c.status, c.mode, c.not_before, c.not_after
FROM certificate c JOIN scope s ON s.id = c.scope_id
WHERE c.certificate_id = :certificate_id ORDER BY c.id;

-- name: certificate_list
SELECT id, certificate_id, status, mode, created_at
FROM certificate WHERE scope_id = :scope AND id > :after ORDER BY id LIMIT :limit;

-- name: certificate_list_newest
SELECT id, certificate_id, status, mode, created_at
FROM certificate WHERE scope_id = :scope AND id < :before ORDER BY id DESC LIMIT :limit;

-- name: certificate_of_ca
SELECT id, certificate_id, status, mode, created_at
FROM certificate WHERE scope_id = :scope AND ca_certificate_id = :ca_certificate_id AND id > :after
ORDER BY id LIMIT :limit;

-- name: certificate_of_ca_newest
SELECT id, certificate_id, status, mode, created_at
FROM certificate WHERE scope_id = :scope AND ca_certificate_id = :ca_certificate_id AND id < :before
ORDER BY id DESC LIMIT :limit;

-- name: certificate_outlive_ca
UPDATE certificate SET registered = 1
WHERE scope_id = :scope AND ca_certificate_id = :ca_certificate_id AND registered = 0;

-- name: certificate_registered
SELECT id, pem FROM certificate WHERE registered = 1 AND id > :after ORDER BY id LIMIT :limit;

-- name: certificate_set_status
UPDATE certificate SET status = :status, updated_at = :now, version = version + 1 WHERE id = :id;

-- name: certificate_delete
DELETE FROM certificate WHERE id = :id;

-- name: certificate_attach
INSERT INTO thing_principal (thing_id, certificate_id, exclusive) VALUES (:thing, :certificate, :exclusive);

-- name: certificate_detach
DELETE FROM thing_principal WHERE thing_id = :thing AND certificate_id = :certificate;

-- name: certificate_attachment
SELECT exclusive FROM thing_principal WHERE thing_id = :thing AND certificate_id = :certificate;

-- name: certificate_things
SELECT t.id, t.name, t.attributes, p.exclusive, t.type_name
FROM thing_principal p JOIN thing t ON t.id = p.thing_id
WHERE p.certificate_id = :certificate AND p.thing_id > :after
  AND (CAST(:exclusive AS BIGINT) IS NULL OR p.exclusive = :exclusive)
ORDER BY p.thing_id LIMIT :limit;

-- name: certificate_things_for_client
SELECT t.id, t.name, t.attributes, p.exclusive, t.type_name, k.mqtt5
FROM thing t JOIN thing_principal p ON p.thing_id = t.id AND p.certificate_id = :certificate
LEFT JOIN thing_type k ON k.scope_id = t.scope_id AND k.name = t.type_name
WHERE t.scope_id = :scope AND t.name = :client_id AND t.deleted_at IS NULL
UNION
SELECT t.id, t.name, t.attributes, p.exclusive, t.type_name, k.mqtt5
FROM thing_principal p JOIN thing t ON t.id = p.thing_id
LEFT JOIN thing_type k ON k.scope_id = t.scope_id AND k.name = t.type_name
WHERE p.certificate_id = :certificate AND p.exclusive = 1;

-- name: certificate_of_thing
SELECT c.id, c.certificate_id, p.exclusive
FROM thing_principal p JOIN certificate c ON c.id = p.certificate_id
WHERE p.thing_id = :thing AND p.certificate_id > :after
  AND (CAST(:exclusive AS BIGINT) IS NULL OR p.exclusive = :exclusive)
ORDER BY p.certificate_id LIMIT :limit;
