-- Rules that say which jobs wait for an approval; config is JSON.
CREATE TABLE approval_rule (
  scope_id BIGINT NOT NULL,
  name @name@ NOT NULL,
  config TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (scope_id, name)
) @flat@;

-- The request for an approval of a job, and what became of it. asked_by and reasons are JSON lists, forecast is what was
-- forecast when it was approved.
CREATE TABLE approval (
  job_id BIGINT NOT NULL PRIMARY KEY,
  scope_id BIGINT NOT NULL,
  asked_by TEXT NOT NULL,
  asked_at BIGINT NOT NULL,
  reasons TEXT NOT NULL,
  approved_by TEXT,
  approved_at BIGINT,
  comment TEXT,
  forecast TEXT
);
CREATE INDEX approval_by_scope ON approval (scope_id, job_id);
