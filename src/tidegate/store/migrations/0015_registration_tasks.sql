-- Bulk registration. input_offset and line are how far the input file, which etag pins, has been carried out, outcome the
-- status that a task has when its reports are written, result_files and error_files how many are.
DROP TABLE registration_task;
CREATE TABLE registration_task (
  id @id@,
  scope_id BIGINT NOT NULL,
  task_id @name@ NOT NULL,
  status TEXT NOT NULL,
  outcome TEXT,
  message TEXT,
  principal TEXT NOT NULL,
  body TEXT NOT NULL,
  bucket TEXT NOT NULL,
  key TEXT NOT NULL,
  etag TEXT NOT NULL,
  role_arn TEXT NOT NULL,
  input_size BIGINT NOT NULL,
  input_offset BIGINT NOT NULL,
  line BIGINT NOT NULL,
  success_count BIGINT NOT NULL,
  failure_count BIGINT NOT NULL,
  result_files BIGINT NOT NULL,
  error_files BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  UNIQUE (scope_id, task_id)
);
CREATE INDEX registration_task_under_way ON registration_task (id) WHERE status IN ('InProgress', 'Cancelling');
