-- name: domain_configuration_insert
INSERT INTO domain_configuration
  (scope_id, name, suffix, domain, certificates, service_type, status, authorizer, allow_override, settings, changed_at)
VALUES
  (:scope, :name, :suffix, :domain, :certificates, :service_type, :status, :authorizer, :allow_override, :settings,
   :changed_at)
ON CONFLICT DO NOTHING RETURNING id;

-- name: domain_configuration_get
SELECT id, name, suffix, domain, certificates, service_type, status, authorizer, allow_override, settings, changed_at
FROM domain_configuration WHERE scope_id = :scope AND name = :name;

-- name: domain_configuration_get_by_domain
SELECT id, name, suffix, domain, certificates, service_type, status, authorizer, allow_override, settings, changed_at
FROM domain_configuration WHERE domain = :domain AND scope_id = :scope ORDER BY id LIMIT 1;

-- name: domain_configuration_count
SELECT count(*) FROM domain_configuration WHERE scope_id = :scope;

-- name: domain_configuration_update
UPDATE domain_configuration SET status = :status, authorizer = :authorizer, allow_override = :allow_override,
  settings = :settings, changed_at = :changed_at
WHERE id = :id;

-- name: domain_configuration_delete
DELETE FROM domain_configuration WHERE id = :id;

-- name: domain_configuration_list
SELECT id, name, suffix, domain, certificates, service_type, status, authorizer, allow_override, settings, changed_at
FROM domain_configuration
WHERE scope_id = :scope AND id > :after AND (service_type = :service_type OR :service_type = '')
ORDER BY id LIMIT :limit;
