-- Files that devices read by MQTT in blocks. files holds them as JSON with the size and ETag they had when they were
-- put in.
CREATE TABLE stream (
  id @id@,
  scope_id BIGINT NOT NULL,
  name @name@ NOT NULL,
  description TEXT,
  role_arn TEXT NOT NULL,
  version BIGINT NOT NULL,
  files TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  UNIQUE (scope_id, name)
);
CREATE INDEX stream_by_age ON stream (scope_id, id);

-- OTA updates: a job and, unless it names one or needs none, a stream made for it. request is what was asked for, as
-- JSON.
CREATE TABLE ota_update (
  id @id@,
  scope_id BIGINT NOT NULL,
  name @name@ NOT NULL,
  status TEXT NOT NULL,
  job_name @name@ NOT NULL,
  stream_name @name@,
  made_stream BIGINT NOT NULL,
  request TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  UNIQUE (scope_id, name)
);
CREATE INDEX ota_update_by_age ON ota_update (scope_id, id);
CREATE INDEX ota_update_by_stream ON ota_update (scope_id, stream_name);
