-- How devices get in without a certificate of their own, and what they get besides: role aliases and the temporary
-- credentials that devices are given for them, custom authorizers, and domain configurations.

CREATE TABLE role_alias (
  id @id@,
  scope_id BIGINT NOT NULL,
  name @name@ NOT NULL,
  role_arn TEXT NOT NULL,
  duration_s BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  UNIQUE (scope_id, name)
);

-- How long credentials of devices may last for which this principal is the role; 0: it is none.
ALTER TABLE principal ADD COLUMN device_session_s BIGINT NOT NULL DEFAULT 0;

-- Temporary credentials of devices. secret is sealed as an access key's; principal is the ARN of the principal whose
-- policies count; thing_name and thing_type are those the device was known by when it asked.
CREATE TABLE device_session (
  id @id@,
  key_id @name@ NOT NULL UNIQUE,
  secret TEXT NOT NULL,
  token_digest TEXT NOT NULL,
  principal @name@ NOT NULL,
  scope_id BIGINT NOT NULL,
  certificate_id @name@ NOT NULL,
  thing_name TEXT,
  thing_type TEXT,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);
CREATE INDEX device_session_by_end ON device_session (expires_at);

-- public_keys is a JSON object of PEM texts; signing_disabled, caching and is_default are 0 or 1.
CREATE TABLE authorizer (
  id @id@,
  scope_id BIGINT NOT NULL,
  name @name@ NOT NULL,
  function_arn TEXT NOT NULL,
  token_key_name TEXT,
  public_keys TEXT NOT NULL,
  status TEXT NOT NULL,
  signing_disabled BIGINT NOT NULL,
  caching BIGINT NOT NULL,
  is_default BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  UNIQUE (scope_id, name)
);

-- domain is in lower case; certificates is a JSON list of ARNs, settings a JSON object of what is kept and shown only.
CREATE TABLE domain_configuration (
  id @id@,
  scope_id BIGINT NOT NULL,
  name @name@ NOT NULL,
  suffix TEXT NOT NULL,
  domain @name@,
  certificates TEXT NOT NULL,
  service_type TEXT NOT NULL,
  status TEXT NOT NULL,
  authorizer @name@,
  allow_override BIGINT NOT NULL,
  settings TEXT NOT NULL,
  changed_at BIGINT NOT NULL,
  UNIQUE (scope_id, name)
);
CREATE INDEX domain_configuration_by_domain ON domain_configuration (domain);
