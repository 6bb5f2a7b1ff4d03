-- name: execution_due
-- Differs: several engines; an execution that another one is ending is passed over.
SELECT thing_id, job_id, number, deadline FROM execution
WHERE deadline IS NOT NULL AND deadline <= :now ORDER BY deadline, job_id, thing_id LIMIT :limit FOR UPDATE SKIP LOCKED;

-- name: execution_chunk_of_job
-- Differs: a device could report between the look and what is done about it. What a device is just changing is told of,
-- and passed over: nobody who holds a job waits for an execution, or it and the device would wait for each other.
WITH c AS (SELECT thing_id, number, status, version, queued_at, started_at FROM execution
  WHERE job_id = :job AND (queued_at, thing_id, number) > (:queued_at, :thing, :number)
  ORDER BY queued_at, thing_id, number LIMIT :limit),
h AS (SELECT e.thing_id, e.number, e.status, e.version, e.started_at
  FROM c JOIN execution e ON e.thing_id = c.thing_id AND e.job_id = :job AND e.number = c.number
  WHERE c.status <= 1 FOR UPDATE OF e SKIP LOCKED)
SELECT c.thing_id, c.number, coalesce(h.status, c.status), coalesce(h.version, c.version), c.queued_at,
  coalesce(h.started_at, c.started_at), CASE WHEN c.status > 1 OR h.number IS NOT NULL THEN 1 ELSE 0 END
FROM c LEFT JOIN h ON h.thing_id = c.thing_id AND h.number = c.number
ORDER BY c.queued_at, c.thing_id, c.number;

-- name: execution_hold_of_job
-- Differs: see execution_chunk_of_job.
WITH c AS (SELECT thing_id, number, status, version, queued_at, started_at FROM execution
  WHERE job_id = :job ORDER BY queued_at, thing_id, number LIMIT :limit),
h AS (SELECT e.thing_id, e.number, e.status, e.version, e.started_at
  FROM c JOIN execution e ON e.thing_id = c.thing_id AND e.job_id = :job AND e.number = c.number
  FOR UPDATE OF e SKIP LOCKED)
SELECT c.thing_id, c.number, coalesce(h.status, c.status), coalesce(h.version, c.version), c.queued_at,
  coalesce(h.started_at, c.started_at), CASE WHEN h.number IS NOT NULL THEN 1 ELSE 0 END
FROM c LEFT JOIN h ON h.thing_id = c.thing_id AND h.number = c.number;

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

-- name: execution_pending_of
-- Differs: its functions for JSON.
SELECT e.thing_id, e.job_id, e.number, e.status, e.version, e.queued_at, e.started_at, e.updated_at,
  e.attempt, e.after_failed, e.run_deadline, e.step_deadline, j.name, j.status, j.namespace, j.timeout_minutes,
  j.config
FROM jsonb_array_elements_text(CAST(:things AS jsonb)) AS w (value)
JOIN execution e ON e.thing_id = CAST(w.value AS BIGINT) AND e.status <= 1
JOIN job j ON j.id = e.job_id;

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
