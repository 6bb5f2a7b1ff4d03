-- name: package_version_insert
INSERT INTO package_version
  (scope_id, package_id, name, status, description, attributes, artifact, recipe, created_at, updated_at)
VALUES (:scope, :package_id, :name, :status, :description, :attributes, :artifact, :recipe, :now, :now)
ON CONFLICT DO NOTHING RETURNING id;

-- name: package_version_get
SELECT id, package_id, name, status, description, attributes, artifact, recipe, sbom, sbom_status, created_at, updated_at
FROM package_version WHERE package_id = :package_id AND name = :name;

-- name: package_version_named
SELECT v.id, v.package_id, v.name, v.status, v.description, v.attributes, v.artifact, v.recipe, v.sbom, v.sbom_status,
  v.created_at, v.updated_at
FROM package p JOIN package_version v ON v.package_id = p.id
WHERE p.scope_id = :scope AND p.name = :package AND v.name = :name;

-- name: package_version_update
UPDATE package_version
SET status = :status, description = :description, attributes = :attributes, artifact = :artifact, recipe = :recipe,
  sbom = :sbom, sbom_status = :sbom_status, updated_at = :now
WHERE id = :id;

-- name: package_version_list
SELECT name, status, created_at, updated_at FROM package_version
WHERE package_id = :package_id AND name > :after AND (CAST(:status AS TEXT) IS NULL OR status = :status)
ORDER BY name LIMIT :limit;

-- name: package_version_any
SELECT 1 FROM package_version WHERE package_id = :package_id LIMIT 1;

-- name: package_version_count
SELECT count(*) FROM package_version WHERE scope_id = :scope;

-- name: package_version_delete
DELETE FROM package_version WHERE id = :id;

-- name: sbom_result_insert
INSERT INTO sbom_result (version_id, position, file_name, result, error_code, error_message)
VALUES (:version_id, :position, :file_name, :result, :error_code, :error_message);

-- name: sbom_result_list
SELECT position, file_name, result, error_code, error_message FROM sbom_result
WHERE version_id = :version_id AND position > :after AND (CAST(:result AS TEXT) IS NULL OR result = :result)
ORDER BY position LIMIT :limit;

-- name: sbom_result_delete
DELETE FROM sbom_result WHERE version_id = :version_id;
