-- Provisioning templates. type is FLEET_PROVISIONING or JITP, enabled 0 or 1, hook the ARN of what is asked before.

CREATE TABLE provisioning_template (
  id @id@,
  scope_id BIGINT NOT NULL,
  name @name@ NOT NULL,
  type TEXT NOT NULL,
  description TEXT,
  enabled BIGINT NOT NULL,
  role_arn TEXT NOT NULL,
  hook TEXT,
  default_version BIGINT NOT NULL,
  last_version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  UNIQUE (scope_id, name)
);

CREATE TABLE provisioning_template_version (
  template_id BIGINT NOT NULL,
  version BIGINT NOT NULL,
  body TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (template_id, version)
);

-- Certificates of CreateProvisioningClaim: no device's, in no list, good for one template until expires_at.
CREATE TABLE provisioning_claim (
  id @id@,
  scope_id BIGINT NOT NULL,
  certificate_id @name@ NOT NULL UNIQUE,
  template_id BIGINT NOT NULL,
  pem TEXT NOT NULL,
  not_before BIGINT NOT NULL,
  not_after BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);
CREATE INDEX provisioning_claim_by_end ON provisioning_claim (expires_at);

-- What a device shows to have a certificate provisioned that it was given. digest is the SHA-256 of the token, owner
-- the principal that asked for the certificate.
CREATE TABLE ownership_token (
  digest @name@ PRIMARY KEY,
  scope_id BIGINT NOT NULL,
  certificate_id BIGINT NOT NULL,
  owner TEXT NOT NULL,
  expires_at BIGINT NOT NULL
);
CREATE INDEX ownership_token_by_end ON ownership_token (expires_at);
CREATE INDEX ownership_token_by_certificate ON ownership_token (certificate_id);

-- Bulk registration. input_offset and line are how far the input file has been carried out.
CREATE TABLE registration_task (
  id @id@,
  scope_id BIGINT NOT NULL,
  task_id @name@ NOT NULL,
  status TEXT NOT NULL,
  message TEXT,
  body TEXT NOT NULL,
  bucket TEXT NOT NULL,
  key TEXT NOT NULL,
  role_arn TEXT NOT NULL,
  input_size BIGINT NOT NULL,
  input_offset BIGINT NOT NULL,
  line BIGINT NOT NULL,
  success_count BIGINT NOT NULL,
  failure_count BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  UNIQUE (scope_id, task_id)
);
CREATE INDEX registration_task_under_way ON registration_task (id) WHERE status IN ('InProgress', 'Cancelling');

CREATE TABLE registration_result (
  task_id BIGINT NOT NULL,
  line BIGINT NOT NULL,
  failed BIGINT NOT NULL,
  result TEXT NOT NULL,
  PRIMARY KEY (task_id, line)
);
