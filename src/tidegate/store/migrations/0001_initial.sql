-- The first schema. Macros (@id@, @name@, @flat@) are explained in migrations.py.
-- Instants are epoch milliseconds; JSON is opaque text; what is filtered on is a column. Integer ids stay inside.

CREATE TABLE scope (
  id @id@,
  account @name@ NOT NULL,
  region @name@ NOT NULL,
  UNIQUE (account, region)
);

CREATE TABLE access_key (
  id @id@,
  key_id @name@ NOT NULL UNIQUE,
  secret TEXT NOT NULL,
  principal TEXT NOT NULL,
  created_at BIGINT NOT NULL
);

CREATE TABLE tag (
  scope_id BIGINT NOT NULL,
  resource_arn @name@ NOT NULL,
  tag_key @name@ NOT NULL,
  tag_value TEXT NOT NULL,
  PRIMARY KEY (scope_id, resource_arn, tag_key)
);

-- Job templates. config is the encoded template configuration (everything that is not a column).
CREATE TABLE job_template (
  id @id@,
  scope_id BIGINT NOT NULL,
  name @name@ NOT NULL,
  description TEXT NOT NULL,
  document TEXT,
  document_source TEXT,
  config TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  UNIQUE (scope_id, name)
);

-- Jobs. stage is what the engine is spreading over several transactions, stage_cursor how far it got;
-- released counts the executions of the rollout, ended is 1 once endTime has been acted on;
-- wake_at is when the engine must look at the job again; null means not before somebody acts on it.
CREATE TABLE job (
  id @id@,
  scope_id BIGINT NOT NULL,
  name @name@ NOT NULL,
  status TEXT NOT NULL,
  stage TEXT NOT NULL,
  target_selection TEXT NOT NULL,
  namespace @name@,
  description TEXT,
  template_arn TEXT,
  document_source TEXT,
  config TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  completed_at BIGINT,
  reason_code TEXT,
  comment TEXT,
  force_canceled BIGINT,
  timeout_minutes BIGINT,
  rollout_started_at BIGINT,
  released BIGINT NOT NULL,
  ended BIGINT NOT NULL,
  stage_cursor TEXT,
  wake_at BIGINT,
  UNIQUE (scope_id, name)
);
CREATE INDEX job_by_age ON job (scope_id, id);
CREATE INDEX job_by_status ON job (scope_id, status);
CREATE INDEX job_by_wake ON job (wake_at, id) WHERE wake_at IS NOT NULL;

-- A job's document, once per job and out of the row that changes.
CREATE TABLE job_document (
  job_id BIGINT PRIMARY KEY,
  document TEXT NOT NULL
);

CREATE TABLE job_target (
  job_id BIGINT NOT NULL,
  position BIGINT NOT NULL,
  arn TEXT NOT NULL,
  thing_id BIGINT,
  group_id BIGINT,
  PRIMARY KEY (job_id, position)
);
CREATE INDEX job_target_by_group ON job_target (group_id, job_id) WHERE group_id IS NOT NULL;

-- Executions by status. On PostgreSQL each connection adds to a shard of its own, so that no row is hot.
CREATE TABLE job_counter (
  job_id BIGINT NOT NULL,
  status BIGINT NOT NULL,
  shard BIGINT NOT NULL,
  count BIGINT NOT NULL,
  PRIMARY KEY (job_id, status, shard)
) @flat@;

-- What was released when: the memory of the rollout rate.
CREATE TABLE job_release (
  job_id BIGINT NOT NULL,
  released_at BIGINT NOT NULL,
  count BIGINT NOT NULL,
  PRIMARY KEY (job_id, released_at)
) @flat@;

-- attempt counts the retries before this execution, after_failed those of them that followed a FAILED one (the others a
-- TIMED_OUT one). deadline is the earlier of the two timers.
-- Executions lie by thing, so that a device's pending list is one short range. status is in no index: it changes.
CREATE TABLE execution (
  thing_id BIGINT NOT NULL,
  job_id BIGINT NOT NULL,
  number BIGINT NOT NULL,
  status BIGINT NOT NULL,
  version BIGINT NOT NULL,
  queued_at BIGINT NOT NULL,
  started_at BIGINT,
  updated_at BIGINT NOT NULL,
  attempt BIGINT NOT NULL,
  after_failed BIGINT,
  forced BIGINT,
  run_deadline BIGINT,
  step_deadline BIGINT,
  deadline BIGINT,
  PRIMARY KEY (thing_id, job_id, number)
) @flat@;
CREATE INDEX execution_by_job ON execution (job_id, queued_at, thing_id, number);
CREATE INDEX execution_by_deadline ON execution (deadline) WHERE deadline IS NOT NULL;

-- Executions that wait for their job's next maintenance window to be queued: retries and late joiners.
CREATE TABLE execution_waiting (
  job_id BIGINT NOT NULL,
  thing_id BIGINT NOT NULL,
  attempt BIGINT NOT NULL,
  after_failed BIGINT,
  PRIMARY KEY (job_id, thing_id)
) @flat@;
CREATE INDEX execution_waiting_by_thing ON execution_waiting (thing_id);

-- Executions that were deleted one by one: the highest number of each thing, which its job does not give again.
CREATE TABLE execution_deleted (
  job_id BIGINT NOT NULL,
  thing_id BIGINT NOT NULL,
  number BIGINT NOT NULL,
  PRIMARY KEY (job_id, thing_id)
) @flat@;

CREATE TABLE execution_details (
  thing_id BIGINT NOT NULL,
  job_id BIGINT NOT NULL,
  number BIGINT NOT NULL,
  details TEXT NOT NULL,
  PRIMARY KEY (thing_id, job_id, number)
);

-- Things. A deleted thing keeps its row while executions refer to it; only living names are unique.
CREATE TABLE thing (
  id @id@,
  scope_id BIGINT NOT NULL,
  name @name@ NOT NULL,
  uuid TEXT NOT NULL,
  attributes TEXT NOT NULL,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  deleted_at BIGINT
);
CREATE UNIQUE INDEX thing_by_name ON thing (scope_id, name) WHERE deleted_at IS NULL;

-- The attributes of living things, turned over: who has this value? The thing's own row says which rows are its.
CREATE TABLE thing_attribute (
  scope_id BIGINT NOT NULL,
  name @name@ NOT NULL,
  value @name@ NOT NULL,
  thing_id BIGINT NOT NULL,
  PRIMARY KEY (scope_id, name, value, thing_id)
) @flat@;

CREATE TABLE thing_group (
  id @id@,
  scope_id BIGINT NOT NULL,
  name @name@ NOT NULL,
  uuid TEXT NOT NULL,
  parent_id BIGINT,
  description TEXT,
  attributes TEXT NOT NULL,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  UNIQUE (scope_id, name)
);
CREATE INDEX thing_group_by_parent ON thing_group (parent_id, name) WHERE parent_id IS NOT NULL;
CREATE INDEX thing_group_by_uuid ON thing_group (scope_id, uuid);
CREATE INDEX thing_group_root ON thing_group (scope_id, name) WHERE parent_id IS NULL;

CREATE TABLE group_member (
  group_id BIGINT NOT NULL,
  thing_id BIGINT NOT NULL,
  joined_at BIGINT NOT NULL,
  PRIMARY KEY (group_id, thing_id)
) @flat@;
CREATE INDEX group_member_by_thing ON group_member (thing_id, group_id);

-- Certificates. registered marks those that their owner brought: the TLS listeners trust each of them by itself.
-- uuid is what the wire calls the generation id.
CREATE TABLE certificate (
  id @id@,
  scope_id BIGINT NOT NULL,
  certificate_id @name@ NOT NULL,
  uuid TEXT NOT NULL,
  pem TEXT NOT NULL,
  status TEXT NOT NULL,
  mode TEXT NOT NULL,
  registered BIGINT NOT NULL,
  not_before BIGINT NOT NULL,
  not_after BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  version BIGINT NOT NULL,
  UNIQUE (certificate_id, scope_id)
);
CREATE INDEX certificate_by_age ON certificate (scope_id, id);
CREATE INDEX certificate_registered ON certificate (id) WHERE registered = 1;

CREATE TABLE thing_principal (
  thing_id BIGINT NOT NULL,
  certificate_id BIGINT NOT NULL,
  exclusive BIGINT NOT NULL,
  PRIMARY KEY (thing_id, certificate_id)
);
CREATE INDEX thing_principal_by_certificate ON thing_principal (certificate_id, thing_id);
CREATE UNIQUE INDEX thing_principal_exclusive ON thing_principal (certificate_id) WHERE exclusive = 1;

-- Policies. A version number is never used twice, therefore last_version.
CREATE TABLE policy (
  id @id@,
  scope_id BIGINT NOT NULL,
  name @name@ NOT NULL,
  uuid TEXT NOT NULL,
  default_version BIGINT NOT NULL,
  last_version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  UNIQUE (scope_id, name)
);
CREATE INDEX policy_by_age ON policy (scope_id, id);

CREATE TABLE policy_version (
  policy_id BIGINT NOT NULL,
  version BIGINT NOT NULL,
  uuid TEXT NOT NULL,
  document TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (policy_id, version)
);

-- A policy is attached to a certificate or to a thing group; the target is kept as its ARN.
CREATE TABLE policy_target (
  id @id@,
  scope_id BIGINT NOT NULL,
  policy_id BIGINT NOT NULL,
  target_arn @name@ NOT NULL,
  UNIQUE (policy_id, target_arn)
);
CREATE INDEX policy_target_by_policy ON policy_target (policy_id, id);
CREATE INDEX policy_target_by_target ON policy_target (scope_id, target_arn);

-- Which events a scope wants to hear of; a type that was never mentioned is off.
CREATE TABLE event_switch (
  scope_id BIGINT NOT NULL,
  event_type @name@ NOT NULL,
  enabled BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (scope_id, event_type)
) @flat@;

-- Events on their way to subscribers: written with what they tell of, deleted when they have been handed over.
-- message is the event as JSON, but for its eventId and, if thing_name is given, its thingArn.
CREATE TABLE event_outbox (
  id @id@,
  scope_id BIGINT NOT NULL,
  topic TEXT NOT NULL,
  thing_name @name@,
  message TEXT NOT NULL
);
