-- Times at which no job of an account goes on; config is JSON.
CREATE TABLE blackout (
  scope_id BIGINT NOT NULL,
  name @name@ NOT NULL,
  config TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (scope_id, name)
) @flat@;

-- Those that concern a job, as they were when it was looked at last.
ALTER TABLE job ADD COLUMN blackouts TEXT;
