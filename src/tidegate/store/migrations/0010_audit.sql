-- The audit log. A row holds the entries of one commit, a line of JSON each, written with the changes they tell of.
-- Shortly after it is sealed: seq is the number of its first entry, hash chains it to the row before, and mac is set in
-- the last row of those that were sealed together. entries is empty in a row that stands for what was pruned.

CREATE TABLE audit (
  id @id@,
  seq BIGINT,
  entry_count BIGINT NOT NULL,
  hash TEXT,
  mac TEXT,
  entries TEXT NOT NULL
);
CREATE UNIQUE INDEX audit_by_seq ON audit (seq);
