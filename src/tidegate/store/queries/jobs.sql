-- name: job_insert
INSERT INTO job (scope_id, name, status, stage, target_selection, namespace, description, template_arn, document_source,
  config, created_at, updated_at, timeout_minutes, released, ended, wake_at, hold, blackouts)
VALUES (:scope, :name, :status, :stage, :target_selection, :namespace, :description, :template_arn, :document_source,
  :config, :created_at, :created_at, :timeout_minutes, 0, 0, :wake_at, :hold, :blackouts)
ON CONFLICT DO NOTHING RETURNING id;

-- name: job_get
SELECT id, scope_id, name, status, stage, target_selection, namespace, description, template_arn, document_source,
  config, created_at, updated_at, completed_at, reason_code, comment, force_canceled,
  timeout_minutes, rollout_started_at, released, ended, stage_cursor, hold, blackouts
FROM job WHERE scope_id = :scope AND name = :name;

-- name: job_peek
SELECT id, scope_id, name, status, stage, target_selection, namespace, description, template_arn, document_source,
  config, created_at, updated_at, completed_at, reason_code, comment, force_canceled,
  timeout_minutes, rollout_started_at, released, ended, stage_cursor, hold, blackouts
FROM job WHERE id = :id;

-- name: job_lock
SELECT id, scope_id, name, status, stage, target_selection, namespace, description, template_arn, document_source,
  config, created_at, updated_at, completed_at, reason_code, comment, force_canceled,
  timeout_minutes, rollout_started_at, released, ended, stage_cursor, hold, blackouts
FROM job WHERE id = :id;

-- name: job_claim
SELECT id, scope_id, name, status, stage, target_selection, namespace, description, template_arn, document_source,
  config, created_at, updated_at, completed_at, reason_code, comment, force_canceled,
  timeout_minutes, rollout_started_at, released, ended, stage_cursor, hold, blackouts
FROM job WHERE wake_at IS NOT NULL AND wake_at <= :now ORDER BY wake_at, id LIMIT 1;

-- name: job_next_wake
SELECT min(wake_at) FROM job WHERE wake_at IS NOT NULL;

-- name: job_put
UPDATE job SET status = :status, stage = :stage, rollout_started_at = :rollout_started_at, released = :released,
  ended = :ended, stage_cursor = :stage_cursor, updated_at = :updated_at, completed_at = :completed_at,
  reason_code = :reason_code, comment = :comment, force_canceled = :force_canceled, hold = :hold, blackouts = :blackouts,
  wake_at = :wake_at
WHERE id = :id;

-- name: job_hasten
UPDATE job SET wake_at = :wake_at WHERE id = :id AND (wake_at IS NULL OR wake_at > :wake_at);

-- name: job_set_config
UPDATE job SET description = :description, config = :config, timeout_minutes = :timeout_minutes, updated_at = :updated_at
WHERE id = :id;

-- name: job_remark
UPDATE job SET comment = :comment, updated_at = :updated_at WHERE id = :id;

-- name: job_count_concurrent
SELECT count(*) FROM job
WHERE scope_id = :scope AND status IN ('IN_PROGRESS', 'CANCELED') AND stage IN ('ROLLOUT', 'CANCEL', 'END');

-- name: job_continuous_of_group
SELECT DISTINCT t.job_id FROM job_target t JOIN job j ON j.id = t.job_id
WHERE t.group_id = :group AND j.target_selection = 'CONTINUOUS' AND j.status IN ('SCHEDULED', 'IN_PROGRESS')
ORDER BY t.job_id;

-- name: job_covers
SELECT 1 FROM job_target t WHERE t.job_id = :job AND (t.thing_id = :thing OR t.group_id IN (
  WITH RECURSIVE above (id) AS (
    SELECT m.group_id FROM group_member m WHERE m.thing_id = :thing
    UNION SELECT g.parent_id FROM thing_group g JOIN above ON above.id = g.id WHERE g.parent_id IS NOT NULL)
  SELECT id FROM above)) LIMIT 1;

-- name: job_list
SELECT j.id, j.name, j.status, j.stage, j.target_selection, j.created_at, j.updated_at, j.completed_at
FROM job j
WHERE j.scope_id = :scope AND j.id < :before
  AND (CAST(:status AS TEXT) IS NULL OR j.status = :status)
  AND (CAST(:target_selection AS TEXT) IS NULL OR j.target_selection = :target_selection)
  AND (CAST(:namespace AS TEXT) IS NULL OR j.namespace = :namespace)
  AND (CAST(:group_id AS BIGINT) IS NULL
    OR EXISTS (SELECT 1 FROM job_target t WHERE t.group_id = :group_id AND t.job_id = j.id))
ORDER BY j.id DESC LIMIT :limit;

-- name: job_count_active
SELECT count(*) FROM job WHERE scope_id = :scope AND status IN ('SCHEDULED', 'IN_PROGRESS');

-- name: job_count_deleting
SELECT count(*) FROM job WHERE scope_id = :scope AND status = 'DELETION_IN_PROGRESS';

-- name: job_delete
DELETE FROM job WHERE id = :id;

-- name: job_document_insert
INSERT INTO job_document (job_id, document, before, delivery) VALUES (:job, :document, :before, :delivery);

-- name: job_document_get
SELECT document FROM job_document WHERE job_id = :job;

-- name: job_document_before
SELECT coalesce(before, document) FROM job_document WHERE job_id = :job;

-- name: job_document_delivery
SELECT document, delivery FROM job_document WHERE job_id = :job;

-- name: job_document_delete
DELETE FROM job_document WHERE job_id = :job;

-- name: job_target_insert
INSERT INTO job_target (job_id, position, arn, thing_id, group_id) VALUES (:job, :position, :arn, :thing_id, :group_id);

-- name: job_target_list
SELECT position, arn, thing_id, group_id FROM job_target WHERE job_id = :job ORDER BY position;

-- name: job_target_delete
DELETE FROM job_target WHERE job_id = :job;

-- name: job_counter_add
INSERT INTO job_counter (job_id, status, shard, count) VALUES (:job, :status, 0, :delta)
ON CONFLICT (job_id, status, shard) DO UPDATE SET count = job_counter.count + excluded.count;

-- name: job_counter_list
SELECT status, sum(count) FROM job_counter WHERE job_id = :job GROUP BY status;

-- name: job_counter_delete
DELETE FROM job_counter WHERE job_id = :job;

-- name: job_release_put
INSERT INTO job_release (job_id, released_at, count) VALUES (:job, :released_at, :count)
ON CONFLICT (job_id, released_at) DO UPDATE SET count = job_release.count + excluded.count;

-- name: job_release_between
SELECT job_id, CAST(sum(count) AS BIGINT) FROM job_release
WHERE released_at > :after AND released_at <= :until GROUP BY job_id ORDER BY job_id;

-- name: job_release_forget
DELETE FROM job_release WHERE job_id = :job AND released_at > :after AND released_at <= :until;

-- name: job_miscounted
SELECT job_id, status, CAST(sum(counted) AS BIGINT), CAST(sum(found) AS BIGINT) FROM (
  SELECT job_id, status, count AS counted, 0 AS found FROM job_counter
  UNION ALL SELECT job_id, status, 0, 1 FROM execution
) AS counts_and_rows
GROUP BY job_id, status HAVING sum(counted) <> sum(found) ORDER BY job_id, status LIMIT :limit;

-- name: job_hasten_active
UPDATE job SET wake_at = :now WHERE wake_at > :now AND status IN (:scheduled, :in_progress);

-- name: job_hasten_scope
UPDATE job SET wake_at = :now
WHERE scope_id = :scope AND status IN (:scheduled, :in_progress) AND (wake_at IS NULL OR wake_at > :now);

-- name: job_release_recent
SELECT released_at, count FROM job_release WHERE job_id = :job AND released_at > :after;

-- name: job_release_delete
DELETE FROM job_release WHERE job_id = :job;
