-- name: template_insert
INSERT INTO job_template (scope_id, name, description, document, document_source, config, created_at)
VALUES (:scope, :name, :description, :document, :document_source, :config, :created_at)
ON CONFLICT DO NOTHING RETURNING id;

-- name: template_get
SELECT name, description, document, document_source, config, created_at
FROM job_template WHERE scope_id = :scope AND name = :name;

-- name: template_list
SELECT name, description, created_at
FROM job_template WHERE scope_id = :scope AND name > :after ORDER BY name LIMIT :limit;

-- name: template_count
SELECT count(*) FROM job_template WHERE scope_id = :scope;

-- name: template_delete
DELETE FROM job_template WHERE scope_id = :scope AND name = :name RETURNING id;
