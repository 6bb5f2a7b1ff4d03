-- Device shadows, by the name of their thing, which need not be registered. The classic shadow's name is empty.
-- A deleted shadow keeps its row without a document: its version goes on counting.

CREATE TABLE shadow (
  scope_id BIGINT NOT NULL,
  thing_name @name@ NOT NULL,
  name @name@ NOT NULL,
  version BIGINT NOT NULL,
  document TEXT,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (scope_id, thing_name, name)
);
