-- Where a thing connected from last, and to.
ALTER TABLE thing_connectivity ADD COLUMN source_ip TEXT;
ALTER TABLE thing_connectivity ADD COLUMN source_port BIGINT;
ALTER TABLE thing_connectivity ADD COLUMN target_ip TEXT;
ALTER TABLE thing_connectivity ADD COLUMN target_port BIGINT;
