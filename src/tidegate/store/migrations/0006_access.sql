-- Operators: principals with their policies, and what an access key is beyond its secret.
-- secret is sealed with the server's master key; those made before are sealed at the first start.
-- token_digest, expires_at and session_policy are set on temporary credentials only.

ALTER TABLE access_key ADD COLUMN status TEXT NOT NULL DEFAULT 'Active';
ALTER TABLE access_key ADD COLUMN last_used_at BIGINT;
ALTER TABLE access_key ADD COLUMN expires_at BIGINT;
ALTER TABLE access_key ADD COLUMN token_digest TEXT;
ALTER TABLE access_key ADD COLUMN session_policy TEXT;
CREATE INDEX access_key_by_principal ON access_key (principal);

-- tags is a JSON object of texts.
CREATE TABLE principal (
  id @id@,
  arn @name@ NOT NULL UNIQUE,
  tags TEXT NOT NULL,
  created_at BIGINT NOT NULL
);

CREATE TABLE principal_policy (
  principal_id BIGINT NOT NULL,
  name @name@ NOT NULL,
  document TEXT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (principal_id, name)
);

-- Whoever has a key already could do everything with it, and goes on.
INSERT INTO principal (arn, tags, created_at)
  SELECT principal, '{}', MIN(created_at) FROM access_key GROUP BY principal;
INSERT INTO principal_policy (principal_id, name, document, updated_at)
  SELECT id, 'AdministratorAccess',
    '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["*"], "Resource": "*"}]}', created_at
  FROM principal;
