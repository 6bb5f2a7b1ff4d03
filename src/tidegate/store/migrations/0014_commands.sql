-- Commands. content is the payload of one without a template; parameters is JSON. delete_at is when a command that is
-- pending deletion goes.
CREATE TABLE command (
  id @id@,
  scope_id BIGINT NOT NULL,
  name @name@ NOT NULL,
  namespace TEXT NOT NULL,
  display_name TEXT,
  description TEXT,
  content @bytes@,
  content_type TEXT,
  template TEXT,
  output_format TEXT,
  parameters TEXT,
  role_arn TEXT,
  deprecated_at BIGINT,
  delete_at BIGINT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  UNIQUE (scope_id, name)
);
CREATE INDEX command_by_deletion ON command (delete_at) WHERE delete_at IS NOT NULL;

-- The names of a command's parameters, for lists that ask for one.
CREATE TABLE command_parameter (
  command_id BIGINT NOT NULL,
  name @name@ NOT NULL,
  PRIMARY KEY (command_id, name)
) @flat@;

-- Executions outlive their command and their thing: both are names here. target_type is thing or client. wake_at is when
-- the engine has to do with it: when its time is over, then when it is forgotten. version counts changes.
CREATE TABLE command_execution (
  id @id@,
  scope_id BIGINT NOT NULL,
  uuid @name@ NOT NULL,
  command @name@ NOT NULL,
  namespace TEXT NOT NULL,
  target_type TEXT NOT NULL,
  target @name@ NOT NULL,
  state BIGINT NOT NULL,
  reason_code TEXT,
  reason_description TEXT,
  result TEXT,
  parameters TEXT,
  timeout_s BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  completed_at BIGINT,
  wake_at BIGINT NOT NULL,
  version BIGINT NOT NULL,
  UNIQUE (scope_id, uuid)
);
CREATE INDEX command_execution_by_command ON command_execution (scope_id, command, id);
CREATE INDEX command_execution_by_target ON command_execution (scope_id, target_type, target, id);
CREATE INDEX command_execution_by_wake ON command_execution (wake_at);

-- What is handed to subscribers as it is: payload, in place of message, with what MQTT 5 says of it. After expires_at
-- nobody wants it any more.
ALTER TABLE event_outbox ADD COLUMN payload @bytes@;
ALTER TABLE event_outbox ADD COLUMN content_type TEXT;
ALTER TABLE event_outbox ADD COLUMN expires_at BIGINT;
