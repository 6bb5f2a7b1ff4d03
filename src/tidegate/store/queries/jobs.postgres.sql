-- name: job_lock
-- Differs: several writers; whoever decides about a whole job holds its row.
SELECT id, scope_id, name, status, stage, target_selection, namespace, description, template_arn, document_source,
  config, created_at, updated_at, completed_at, reason_code, comment, force_canceled,
  timeout_minutes, rollout_started_at, released, ended, stage_cursor, hold, blackouts
FROM job WHERE id = :id FOR UPDATE;

-- name: job_claim
-- Differs: several engines; a job that another one is working on is passed over.
SELECT id, scope_id, name, status, stage, target_selection, namespace, description, template_arn, document_source,
  config, created_at, updated_at, completed_at, reason_code, comment, force_canceled,
  timeout_minutes, rollout_started_at, released, ended, stage_cursor, hold, blackouts
FROM job WHERE wake_at IS NOT NULL AND wake_at <= :now ORDER BY wake_at, id LIMIT 1 FOR UPDATE SKIP LOCKED;

-- name: job_counter_add
-- Differs: a shard by connection, so that devices that finish at once do not wait for one row, and one of its own for who
-- holds the job, whom nobody waits for then who has changed another.
INSERT INTO job_counter (job_id, status, shard, count)
VALUES (:job, :status, CASE WHEN CAST(:held AS BOOLEAN) THEN 16 ELSE pg_backend_pid() % 16 END, :delta)
ON CONFLICT (job_id, status, shard) DO UPDATE SET count = job_counter.count + excluded.count;

