-- name: approval_rule_put
INSERT INTO approval_rule (scope_id, name, config, created_at) VALUES (:scope, :name, :config, :now)
ON CONFLICT (scope_id, name) DO UPDATE SET config = excluded.config;

-- name: approval_rule_list
SELECT name, config, created_at FROM approval_rule WHERE scope_id = :scope ORDER BY name;

-- name: approval_rule_delete
DELETE FROM approval_rule WHERE scope_id = :scope AND name = :name;

-- name: approval_put
INSERT INTO approval (job_id, scope_id, asked_by, asked_at, reasons)
VALUES (:job, :scope, :asked_by, :asked_at, :reasons)
ON CONFLICT (job_id) DO UPDATE SET asked_by = excluded.asked_by, asked_at = excluded.asked_at,
  reasons = excluded.reasons, approved_by = NULL, approved_at = NULL, comment = NULL, forecast = NULL;

-- name: approval_get
SELECT a.job_id, j.name, a.asked_by, a.asked_at, a.reasons, a.approved_by, a.approved_at, a.comment, a.forecast,
  j.hold
FROM approval a JOIN job j ON j.id = a.job_id WHERE a.job_id = :job;

-- name: approval_list
SELECT a.job_id, j.name, a.asked_by, a.asked_at, a.reasons, a.approved_by, a.approved_at, a.comment, a.forecast,
  j.hold
FROM approval a JOIN job j ON j.id = a.job_id
WHERE a.scope_id = :scope AND a.job_id < :before
ORDER BY a.job_id DESC LIMIT :limit;

-- name: approval_decide
UPDATE approval SET approved_by = :by, approved_at = :now, comment = :comment, forecast = :forecast WHERE job_id = :job;

-- name: approval_delete
DELETE FROM approval WHERE job_id = :job;
