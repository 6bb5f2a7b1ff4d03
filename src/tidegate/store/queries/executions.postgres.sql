-- name: execution_due
-- Differs: several engines; an execution that another one is ending is passed over.
SELECT thing_id, job_id, number, deadline FROM execution
WHERE deadline IS NOT NULL AND deadline <= :now ORDER BY deadline, job_id, thing_id LIMIT :limit FOR UPDATE SKIP LOCKED;

-- name: execution_hold_of_job
-- Differs: a device could report between the look and what is done about it; rows are locked in the one order.
WITH c AS (SELECT thing_id, number FROM execution
  WHERE job_id = :job ORDER BY queued_at, thing_id, number LIMIT :limit)
SELECT e.thing_id, e.number, e.status, e.version, e.queued_at, e.started_at
FROM c JOIN execution e ON e.thing_id = c.thing_id AND e.job_id = :job AND e.number = c.number
ORDER BY e.thing_id, e.job_id, e.number FOR UPDATE OF e;

-- name: execution_lock
-- Differs: a device could report between the look and what is done about it.
SELECT version FROM execution WHERE thing_id = :thing AND job_id = :job AND number = :number FOR UPDATE;

-- name: execution_pending_all
-- Differs: its functions for JSON.
SELECT t.id, e.job_id, e.number, e.status, e.version, e.queued_at, e.started_at, e.updated_at,
  e.attempt, e.after_failed, e.run_deadline, e.step_deadline, j.name, j.status, j.namespace, j.timeout_minutes,
  j.config, t.name
FROM jsonb_array_elements_text(CAST(:names AS jsonb)) AS w (value)
JOIN thing t ON t.scope_id = :scope AND t.name = w.value COLLATE "C" AND t.deleted_at IS NULL
LEFT JOIN execution e ON e.thing_id = t.id AND e.status <= 1
LEFT JOIN job j ON j.id = e.job_id;

-- name: execution_set_later
-- Differs: one statement for all rows, which are locked in one order by whoever locks several.
WITH m AS (
  SELECT e.thing_id, e.job_id, e.number, w.status, w.started_at, w.updated_at, w.forced, w.run_deadline,
    w.step_deadline, w.deadline
  FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS w (thing BIGINT, job BIGINT, number BIGINT, version BIGINT,
    status BIGINT, started_at BIGINT, updated_at BIGINT, forced BIGINT, run_deadline BIGINT, step_deadline BIGINT,
    deadline BIGINT)
  JOIN execution e ON e.thing_id = w.thing AND e.job_id = w.job AND e.number = w.number AND e.version = w.version
  ORDER BY e.thing_id, e.job_id, e.number FOR UPDATE OF e)
UPDATE execution SET status = m.status, version = execution.version + 1, started_at = m.started_at,
  updated_at = m.updated_at, forced = m.forced, run_deadline = m.run_deadline, step_deadline = m.step_deadline,
  deadline = m.deadline
FROM m WHERE execution.thing_id = m.thing_id AND execution.job_id = m.job_id AND execution.number = m.number;

-- name: execution_details_put_later
-- Differs: one statement for all rows.
INSERT INTO execution_details (thing_id, job_id, number, details)
SELECT thing, job, number, details
FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS w (thing BIGINT, job BIGINT, number BIGINT, details TEXT)
ORDER BY thing, job, number
ON CONFLICT (thing_id, job_id, number) DO UPDATE SET details = excluded.details;
