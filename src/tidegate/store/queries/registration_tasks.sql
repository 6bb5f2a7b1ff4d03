-- name: registration_task_insert
INSERT INTO registration_task (scope_id, task_id, status, principal, body, bucket, key, etag, role_arn, input_size,
  input_offset, line, success_count, failure_count, result_files, error_files, created_at, updated_at)
VALUES (:scope, :task_id, 'InProgress', :principal, :body, :bucket, :key, :etag, :role_arn, :input_size,
  0, 0, 0, 0, 0, 0, :now, :now);

-- name: registration_task_get
SELECT t.id, t.scope_id, s.account, s.region, t.task_id, t.status, t.outcome, t.message, t.principal, t.body, t.bucket,
  t.key, t.etag, t.role_arn, t.input_size, t.input_offset, t.line, t.success_count, t.failure_count, t.result_files,
  t.error_files, t.created_at, t.updated_at
FROM registration_task t JOIN scope s ON s.id = t.scope_id WHERE t.scope_id = :scope AND t.task_id = :task_id;

-- name: registration_task_next
SELECT t.id, t.scope_id, s.account, s.region, t.task_id, t.status, t.outcome, t.message, t.principal, t.body, t.bucket,
  t.key, t.etag, t.role_arn, t.input_size, t.input_offset, t.line, t.success_count, t.failure_count, t.result_files,
  t.error_files, t.created_at, t.updated_at
FROM registration_task t JOIN scope s ON s.id = t.scope_id
WHERE t.status IN ('InProgress', 'Cancelling') AND t.id > :after ORDER BY t.id LIMIT 1;

-- name: registration_task_under_way
SELECT task_id FROM registration_task
WHERE status IN ('InProgress', 'Cancelling') AND scope_id = :scope ORDER BY id LIMIT 1;

-- name: registration_task_list
SELECT id, task_id FROM registration_task
WHERE scope_id = :scope AND id < :before AND (:status = '' OR status = :status) ORDER BY id DESC LIMIT :limit;

-- name: registration_task_cancel
UPDATE registration_task SET status = 'Cancelling', updated_at = :now WHERE id = :id AND status = 'InProgress';

-- name: registration_task_advance
UPDATE registration_task SET input_offset = :end, line = :line, success_count = success_count + :successes,
  failure_count = failure_count + :failures, updated_at = :now
WHERE id = :id AND input_offset = :start AND status = 'InProgress' AND outcome IS NULL;

-- name: registration_task_conclude
UPDATE registration_task SET outcome = :outcome, message = :message, updated_at = :now
WHERE id = :id AND outcome IS NULL;

-- name: registration_task_filed
UPDATE registration_task SET result_files = :results, error_files = :errors, updated_at = :now
WHERE id = :id AND result_files + error_files = :before;

-- name: registration_task_close
UPDATE registration_task SET status = :status, message = :message, updated_at = :now WHERE id = :id;

-- name: registration_result_insert
INSERT INTO registration_result (task_id, line, failed, result) VALUES (:task, :line, :failed, :result);

-- name: registration_result_page
SELECT line, result FROM registration_result WHERE task_id = :task AND failed = :failed ORDER BY line LIMIT :limit;

-- name: registration_result_delete
DELETE FROM registration_result WHERE task_id = :task AND failed = :failed AND line <= :line;
