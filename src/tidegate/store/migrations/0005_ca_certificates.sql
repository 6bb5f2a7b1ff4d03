-- CA certificates that operators registered. subject_key stands for the whole name of the authority.
-- auto_registration is 1 if devices' certificates register themselves; uuid is what the wire calls the generation id.
CREATE TABLE ca_certificate (
  id @id@,
  scope_id BIGINT NOT NULL,
  certificate_id @name@ NOT NULL,
  uuid TEXT NOT NULL,
  pem TEXT NOT NULL,
  subject_key @name@ NOT NULL,
  status TEXT NOT NULL,
  mode TEXT NOT NULL,
  auto_registration BIGINT NOT NULL,
  registration_config TEXT,
  not_before BIGINT NOT NULL,
  not_after BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  version BIGINT NOT NULL,
  UNIQUE (certificate_id, scope_id)
);
CREATE INDEX ca_certificate_by_age ON ca_certificate (scope_id, id);
CREATE INDEX ca_certificate_by_subject ON ca_certificate (subject_key, id);

-- What the subject of a verification certificate must name; one for each scope, until it is deleted.
CREATE TABLE registration_code (
  scope_id BIGINT PRIMARY KEY,
  code TEXT NOT NULL
);

-- The CA under which a certificate was registered. It stays when the CA is deleted.
ALTER TABLE certificate ADD COLUMN ca_certificate_id @name@;
CREATE INDEX certificate_by_ca ON certificate (scope_id, ca_certificate_id, id) WHERE ca_certificate_id IS NOT NULL;
