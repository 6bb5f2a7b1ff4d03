-- name: execution_group_members
SELECT thing_id FROM group_member
WHERE group_id = :group AND thing_id > :after AND joined_at <= :joined_by ORDER BY thing_id LIMIT :limit;

-- name: execution_release_group
INSERT INTO execution (thing_id, job_id, number, status, version, queued_at, updated_at, attempt)
SELECT m.thing_id, :job, 1, 0, 1, :now, :now, 0 FROM group_member m
WHERE m.group_id = :group AND m.thing_id >= :first AND m.thing_id <= :last AND m.joined_at <= :joined_by
  AND NOT EXISTS (SELECT 1 FROM execution_deleted d WHERE d.job_id = :job AND d.thing_id = m.thing_id)
ORDER BY m.thing_id
ON CONFLICT DO NOTHING;

-- name: execution_release_members
INSERT INTO execution (thing_id, job_id, number, status, version, queued_at, updated_at, attempt)
SELECT thing_id, :job, 1, 0, 1, :now, :now, 0 FROM group_member
WHERE group_id = :group AND thing_id >= :first AND thing_id <= :last AND joined_at <= :joined_by
ORDER BY thing_id
ON CONFLICT DO NOTHING;

-- name: execution_release_group_returning
INSERT INTO execution (thing_id, job_id, number, status, version, queued_at, updated_at, attempt)
SELECT m.thing_id, :job, 1, 0, 1, :now, :now, 0 FROM group_member m
WHERE m.group_id = :group AND m.thing_id >= :first AND m.thing_id <= :last AND m.joined_at <= :joined_by
  AND NOT EXISTS (SELECT 1 FROM execution_deleted d WHERE d.job_id = :job AND d.thing_id = m.thing_id)
ORDER BY m.thing_id
ON CONFLICT DO NOTHING RETURNING thing_id;

-- name: execution_queued_at
SELECT thing_id FROM execution
WHERE job_id = :job AND queued_at = :now AND thing_id >= :first AND thing_id <= :last
ORDER BY thing_id LIMIT :limit;

-- name: execution_release_thing
INSERT INTO execution (thing_id, job_id, number, status, version, queued_at, updated_at, attempt)
SELECT id, :job, 1, 0, 1, :now, :now, 0 FROM thing WHERE id = :thing AND deleted_at IS NULL
  AND NOT EXISTS (SELECT 1 FROM execution_deleted d WHERE d.job_id = :job AND d.thing_id = thing.id)
ON CONFLICT DO NOTHING RETURNING thing_id;

-- name: execution_pending
SELECT t.id, e.job_id, e.number, e.status, e.version, e.queued_at, e.started_at, e.updated_at,
  e.attempt, e.after_failed, e.run_deadline, e.step_deadline, j.name, j.status, j.namespace, j.timeout_minutes,
  j.config
FROM thing t
LEFT JOIN execution e ON e.thing_id = t.id AND e.status <= 1
LEFT JOIN job j ON j.id = e.job_id
WHERE t.scope_id = :scope AND t.name = :thing_name AND t.deleted_at IS NULL;

-- name: execution_pending_all
SELECT t.id, e.job_id, e.number, e.status, e.version, e.queued_at, e.started_at, e.updated_at,
  e.attempt, e.after_failed, e.run_deadline, e.step_deadline, j.name, j.status, j.namespace, j.timeout_minutes,
  j.config, t.name
FROM json_each(:names) w
CROSS JOIN thing t ON t.scope_id = :scope AND t.name = w.value AND t.deleted_at IS NULL
LEFT JOIN execution e ON e.thing_id = t.id AND e.status <= 1
LEFT JOIN job j ON j.id = e.job_id;

-- name: execution_pending_by_id
SELECT e.thing_id, e.job_id, e.number, e.status, e.version, e.queued_at, e.started_at, e.updated_at,
  e.attempt, e.after_failed, e.run_deadline, e.step_deadline, j.name, j.status, j.namespace, j.timeout_minutes,
  j.config
FROM execution e JOIN job j ON j.id = e.job_id
WHERE e.thing_id = :thing AND e.status <= 1;

-- name: execution_pending_of
SELECT e.thing_id, e.job_id, e.number, e.status, e.version, e.queued_at, e.started_at, e.updated_at,
  e.attempt, e.after_failed, e.run_deadline, e.step_deadline, j.name, j.status, j.namespace, j.timeout_minutes,
  j.config
FROM json_each(:things) w
CROSS JOIN execution e ON e.thing_id = w.value AND e.status <= 1
JOIN job j ON j.id = e.job_id;

-- name: execution_get
SELECT thing_id, job_id, number, status, version, queued_at, started_at, updated_at, attempt, after_failed, forced,
  run_deadline, step_deadline
FROM execution WHERE thing_id = :thing AND job_id = :job AND number = :number;

-- name: execution_latest
SELECT thing_id, job_id, number, status, version, queued_at, started_at, updated_at, attempt, after_failed, forced,
  run_deadline, step_deadline
FROM execution WHERE thing_id = :thing AND job_id = :job ORDER BY number DESC LIMIT 1;

-- name: execution_set
UPDATE execution SET status = :status, version = version + 1, started_at = :started_at, updated_at = :updated_at,
  forced = :forced, run_deadline = :run_deadline, step_deadline = :step_deadline, deadline = :deadline
WHERE thing_id = :thing AND job_id = :job AND number = :number AND version = :version;

-- name: execution_set_later
UPDATE execution SET status = :status, version = version + 1, started_at = :started_at, updated_at = :updated_at,
  forced = :forced, run_deadline = :run_deadline, step_deadline = :step_deadline, deadline = :deadline
WHERE thing_id = :thing AND job_id = :job AND number = :number AND version = :version;

-- name: execution_queue
INSERT INTO execution (thing_id, job_id, number, status, version, queued_at, updated_at, attempt, after_failed)
VALUES (:thing, :job, :number, 0, 1, :queued_at, :queued_at, :attempt, :after_failed);

-- name: execution_renew
UPDATE execution SET attempt = 0, after_failed = NULL WHERE thing_id = :thing AND job_id = :job AND number = :number;

-- name: execution_due
SELECT thing_id, job_id, number, deadline FROM execution
WHERE deadline IS NOT NULL AND deadline <= :now ORDER BY deadline, job_id, thing_id LIMIT :limit;

-- name: execution_active_of_job
SELECT thing_id, status, queued_at, started_at, updated_at, attempt, after_failed, run_deadline FROM execution
WHERE job_id = :job AND status IN (0, 1) ORDER BY queued_at, thing_id, number LIMIT :limit;

-- name: execution_course_of_job
SELECT thing_id, status, queued_at, started_at, updated_at, attempt, after_failed, run_deadline FROM execution
WHERE job_id = :job ORDER BY queued_at, thing_id, number LIMIT :limit;

-- name: execution_next_deadline
SELECT min(deadline) FROM execution WHERE deadline IS NOT NULL;

-- name: execution_latest_start
SELECT max(started_at) FROM execution WHERE deadline IS NOT NULL;

-- name: execution_set_back
UPDATE execution SET
  run_deadline = CASE WHEN started_at > :now THEN run_deadline + :shift ELSE run_deadline END,
  step_deadline = CASE WHEN updated_at > :now THEN step_deadline + :shift ELSE step_deadline END,
  started_at = CASE WHEN started_at > :now THEN started_at + :shift ELSE started_at END,
  updated_at = CASE WHEN updated_at > :now THEN updated_at + :shift ELSE updated_at END
WHERE deadline IS NOT NULL AND (started_at > :now OR updated_at > :now);

-- name: execution_move_timers
UPDATE execution SET run_deadline = run_deadline + :shift, step_deadline = step_deadline + :shift
WHERE deadline IS NOT NULL AND updated_at <= :before AND NOT (updated_at > :after AND updated_at <= :now);

-- name: execution_move_starts
UPDATE execution SET
  started_at = CASE WHEN started_at > :now THEN started_at + :shift ELSE started_at END,
  updated_at = CASE WHEN updated_at > :now THEN updated_at + :shift ELSE updated_at END
WHERE deadline IS NOT NULL AND (started_at > :now OR updated_at > :now);

-- name: execution_deadline_anew
UPDATE execution SET deadline =
  CASE WHEN step_deadline IS NULL OR run_deadline < step_deadline THEN run_deadline ELSE step_deadline END
WHERE deadline IS NOT NULL AND deadline <>
  CASE WHEN step_deadline IS NULL OR run_deadline < step_deadline THEN run_deadline ELSE step_deadline END;

-- name: execution_waiting_put
INSERT INTO execution_waiting (job_id, thing_id, attempt, after_failed) VALUES (:job, :thing, :attempt, :after_failed)
ON CONFLICT (job_id, thing_id) DO UPDATE SET attempt = excluded.attempt, after_failed = excluded.after_failed;

-- name: execution_waiting_of_job
SELECT thing_id, attempt, after_failed FROM execution_waiting WHERE job_id = :job ORDER BY thing_id LIMIT :limit;

-- name: execution_waiting_delete
DELETE FROM execution_waiting WHERE job_id = :job AND thing_id = :thing;

-- name: execution_waiting_delete_retries
DELETE FROM execution_waiting WHERE job_id = :job AND attempt > 0;

-- name: execution_waiting_delete_job
DELETE FROM execution_waiting WHERE job_id = :job;

-- name: execution_waiting_delete_thing
DELETE FROM execution_waiting WHERE thing_id = :thing;


-- name: execution_list_by_job
SELECT e.thing_id, e.number, e.status, e.queued_at, e.started_at, e.updated_at, e.attempt, t.name
FROM execution e JOIN thing t ON t.id = e.thing_id
WHERE e.job_id = :job AND (e.queued_at, e.thing_id, e.number) < (:queued_at, :thing, :number)
  AND (CAST(:status AS BIGINT) IS NULL OR e.status = :status)
ORDER BY e.queued_at DESC, e.thing_id DESC, e.number DESC LIMIT :limit;

-- name: execution_list_by_thing
SELECT e.job_id, e.number, e.status, e.queued_at, e.started_at, e.updated_at, e.attempt, j.name
FROM execution e JOIN job j ON j.id = e.job_id
WHERE e.thing_id = :thing AND (e.queued_at, e.job_id, e.number) < (:queued_at, :job, :number)
  AND (CAST(:status AS BIGINT) IS NULL OR e.status = :status)
  AND (CAST(:namespace AS TEXT) IS NULL OR j.namespace = :namespace)
  AND (CAST(:job_name AS TEXT) IS NULL OR j.name = :job_name)
ORDER BY e.queued_at DESC, e.job_id DESC, e.number DESC LIMIT :limit;

-- name: execution_chunk_of_job
SELECT thing_id, number, status, version, queued_at, started_at, 1 FROM execution
WHERE job_id = :job AND (queued_at, thing_id, number) > (:queued_at, :thing, :number)
ORDER BY queued_at, thing_id, number LIMIT :limit;

-- name: execution_hold_of_job
SELECT thing_id, number, status, version, queued_at, started_at, 1 FROM execution
WHERE job_id = :job ORDER BY queued_at, thing_id, number LIMIT :limit;

-- name: execution_lock
SELECT version FROM execution WHERE thing_id = :thing AND job_id = :job AND number = :number;

-- name: execution_delete
DELETE FROM execution WHERE thing_id = :thing AND job_id = :job AND number = :number;

-- name: execution_details_put
INSERT INTO execution_details (thing_id, job_id, number, details) VALUES (:thing, :job, :number, :details)
ON CONFLICT (thing_id, job_id, number) DO UPDATE SET details = excluded.details;

-- name: execution_details_put_later
INSERT INTO execution_details (thing_id, job_id, number, details) VALUES (:thing, :job, :number, :details)
ON CONFLICT (thing_id, job_id, number) DO UPDATE SET details = excluded.details;

-- name: execution_details_get
SELECT details FROM execution_details WHERE thing_id = :thing AND job_id = :job AND number = :number;

-- name: execution_details_delete
DELETE FROM execution_details WHERE thing_id = :thing AND job_id = :job AND number = :number;

-- name: execution_exists_for_thing
SELECT 1 FROM execution WHERE thing_id = :thing LIMIT 1;

-- name: execution_page_of_job
SELECT thing_id, number, status, version, queued_at, started_at, 1 FROM execution
WHERE job_id = :job AND (queued_at, thing_id, number) > (:queued_at, :thing, :number)
ORDER BY queued_at, thing_id, number LIMIT :limit;

-- name: execution_deleted_put
INSERT INTO execution_deleted (job_id, thing_id, number) VALUES (:job, :thing, :number)
ON CONFLICT (job_id, thing_id) DO UPDATE SET number = excluded.number WHERE excluded.number > execution_deleted.number;

-- name: execution_deleted_get
SELECT number FROM execution_deleted WHERE job_id = :job AND thing_id = :thing;

-- name: execution_deleted_any
SELECT 1 FROM execution_deleted WHERE job_id = :job LIMIT 1;

-- name: execution_deleted_delete_job
DELETE FROM execution_deleted WHERE job_id = :job;
