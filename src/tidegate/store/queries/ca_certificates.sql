-- name: ca_certificate_insert
INSERT INTO ca_certificate (scope_id, certificate_id, uuid, pem, subject_key, status, mode, auto_registration,
  registration_config, not_before, not_after, created_at, updated_at, version)
VALUES (:scope, :certificate_id, :uuid, :pem, :subject_key, :status, :mode, :auto_registration,
  :registration_config, :not_before, :not_after, :created_at, :created_at, 1)
ON CONFLICT DO NOTHING RETURNING id;

-- name: ca_certificate_get
SELECT id, certificate_id, uuid, pem, status, mode, auto_registration, registration_config, not_before, not_after,
  created_at, updated_at, version
FROM ca_certificate WHERE scope_id = :scope AND certificate_id = :certificate_id;

-- name: ca_certificate_list
SELECT id, certificate_id, status, created_at, registration_config
FROM ca_certificate
WHERE scope_id = :scope AND id > :after AND (CAST(:config AS TEXT) IS NULL OR registration_config LIKE :config ESCAPE '!')
ORDER BY id LIMIT :limit;

-- name: ca_certificate_list_newest
SELECT id, certificate_id, status, created_at, registration_config
FROM ca_certificate
WHERE scope_id = :scope AND id < :before
  AND (CAST(:config AS TEXT) IS NULL OR registration_config LIKE :config ESCAPE '!')
ORDER BY id DESC LIMIT :limit;

-- name: ca_certificate_of_subject
SELECT c.scope_id, s.account, s.region, c.certificate_id, c.pem, c.status, c.mode, c.auto_registration,
  c.registration_config
FROM ca_certificate c JOIN scope s ON s.id = c.scope_id
WHERE c.subject_key = :subject_key ORDER BY c.id;

-- name: ca_certificate_registered
SELECT id, pem FROM ca_certificate WHERE id > :after ORDER BY id LIMIT :limit;

-- name: ca_certificate_update
UPDATE ca_certificate SET status = :status, auto_registration = :auto_registration,
  registration_config = :registration_config, updated_at = :now, version = version + 1
WHERE id = :id;

-- name: ca_certificate_delete
DELETE FROM ca_certificate WHERE id = :id;

-- name: registration_code_get
SELECT code FROM registration_code WHERE scope_id = :scope;

-- name: registration_code_insert
INSERT INTO registration_code (scope_id, code) VALUES (:scope, :code) ON CONFLICT DO NOTHING;

-- name: registration_code_delete
DELETE FROM registration_code WHERE scope_id = :scope;
