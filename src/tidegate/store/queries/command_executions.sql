-- name: command_execution_insert
INSERT INTO command_execution (
  scope_id, uuid, command, namespace, target_type, target, state, parameters, timeout_s, created_at, updated_at,
  wake_at, version
)
VALUES (
  :scope, :uuid, :command, :namespace, :target_type, :target, 0, :parameters, :timeout_s, :now, :now, :wake_at, 1
);

-- name: command_execution_get
SELECT
  id, uuid, command, namespace, target_type, target, state, reason_code, reason_description, result, parameters, timeout_s,
  created_at, updated_at, completed_at, wake_at, version
FROM command_execution
WHERE scope_id = :scope AND uuid = :uuid AND target_type = :target_type AND target = :target;

-- name: command_execution_update
UPDATE command_execution SET
  state = :state, reason_code = :reason_code, reason_description = :reason_description, result = :result,
  updated_at = :updated_at, completed_at = :completed_at, wake_at = :wake_at, version = version + 1
WHERE id = :id AND version = :version;

-- name: command_execution_delete
DELETE FROM command_execution WHERE id = :id;

-- name: command_execution_next_wake
SELECT min(wake_at) FROM command_execution;

-- name: command_execution_due
SELECT
  scope_id, id, uuid, command, namespace, target_type, target, state, reason_code, reason_description, result, parameters, timeout_s,
  created_at, updated_at, completed_at, wake_at, version
FROM command_execution WHERE wake_at <= :until ORDER BY wake_at, id LIMIT :limit;

-- name: command_execution_move_timers
UPDATE command_execution SET
  wake_at = wake_at + :shift, created_at = CASE WHEN created_at > :now THEN created_at + :shift ELSE created_at END
WHERE state IN (0, 1) AND created_at <= :before AND NOT (created_at > :after AND created_at <= :now);

-- name: command_execution_latest_start
SELECT max(created_at) FROM command_execution WHERE state IN (0, 1);

-- name: command_execution_set_back
UPDATE command_execution SET
  wake_at = wake_at + :shift, created_at = created_at + :shift,
  updated_at = CASE WHEN updated_at > :now THEN updated_at + :shift ELSE updated_at END
WHERE state IN (0, 1) AND created_at > :now;

-- name: command_execution_list_upward
SELECT id, uuid, command, target_type, target, state, created_at, completed_at
FROM command_execution
WHERE scope_id = :scope AND id > :place
  AND namespace = COALESCE(:namespace, namespace) AND (:any_state = 1 OR state = :state OR state = :other_state)
  AND created_at > :started_after AND created_at < :started_before
  AND (:completed = 0 OR (completed_at > :completed_after AND completed_at < :completed_before))
ORDER BY id LIMIT :limit;

-- name: command_execution_list_downward
SELECT id, uuid, command, target_type, target, state, created_at, completed_at
FROM command_execution
WHERE scope_id = :scope AND id < :place
  AND namespace = COALESCE(:namespace, namespace) AND (:any_state = 1 OR state = :state OR state = :other_state)
  AND created_at > :started_after AND created_at < :started_before
  AND (:completed = 0 OR (completed_at > :completed_after AND completed_at < :completed_before))
ORDER BY id DESC LIMIT :limit;

-- name: command_execution_list_of_command_upward
SELECT id, uuid, command, target_type, target, state, created_at, completed_at
FROM command_execution
WHERE scope_id = :scope AND command = :command AND id > :place
  AND namespace = COALESCE(:namespace, namespace) AND (:any_state = 1 OR state = :state OR state = :other_state)
  AND created_at > :started_after AND created_at < :started_before
  AND (:completed = 0 OR (completed_at > :completed_after AND completed_at < :completed_before))
ORDER BY id LIMIT :limit;

-- name: command_execution_list_of_command_downward
SELECT id, uuid, command, target_type, target, state, created_at, completed_at
FROM command_execution
WHERE scope_id = :scope AND command = :command AND id < :place
  AND namespace = COALESCE(:namespace, namespace) AND (:any_state = 1 OR state = :state OR state = :other_state)
  AND created_at > :started_after AND created_at < :started_before
  AND (:completed = 0 OR (completed_at > :completed_after AND completed_at < :completed_before))
ORDER BY id DESC LIMIT :limit;

-- name: command_execution_list_of_target_upward
SELECT id, uuid, command, target_type, target, state, created_at, completed_at
FROM command_execution
WHERE scope_id = :scope AND target_type = :target_type AND target = :target AND id > :place
  AND namespace = COALESCE(:namespace, namespace) AND (:any_state = 1 OR state = :state OR state = :other_state)
  AND created_at > :started_after AND created_at < :started_before
  AND (:completed = 0 OR (completed_at > :completed_after AND completed_at < :completed_before))
ORDER BY id LIMIT :limit;

-- name: command_execution_list_of_target_downward
SELECT id, uuid, command, target_type, target, state, created_at, completed_at
FROM command_execution
WHERE scope_id = :scope AND target_type = :target_type AND target = :target AND id < :place
  AND namespace = COALESCE(:namespace, namespace) AND (:any_state = 1 OR state = :state OR state = :other_state)
  AND created_at > :started_after AND created_at < :started_before
  AND (:completed = 0 OR (completed_at > :completed_after AND completed_at < :completed_before))
ORDER BY id DESC LIMIT :limit;

-- name: command_execution_running
SELECT count(*) FROM command_execution
WHERE scope_id = :scope AND target_type = :target_type AND target = :target AND state IN (0, 1);
