-- The software package catalog. artifact and sbom are S3 locations as JSON; default_version is a version's name.

CREATE TABLE package (
  id @id@,
  scope_id BIGINT NOT NULL,
  name @name@ NOT NULL,
  description TEXT,
  default_version @name@,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  UNIQUE (scope_id, name)
);

CREATE TABLE package_version (
  id @id@,
  scope_id BIGINT NOT NULL,
  package_id BIGINT NOT NULL,
  name @name@ NOT NULL,
  status TEXT NOT NULL,
  description TEXT,
  attributes TEXT NOT NULL,
  artifact TEXT,
  recipe TEXT,
  sbom TEXT,
  sbom_status TEXT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  UNIQUE (package_id, name)
);
CREATE INDEX package_version_by_scope ON package_version (scope_id);

-- What a look into a version's bill of materials found, file by file.
CREATE TABLE sbom_result (
  version_id BIGINT NOT NULL,
  position BIGINT NOT NULL,
  file_name TEXT NOT NULL,
  result TEXT NOT NULL,
  error_code TEXT,
  error_message TEXT,
  PRIMARY KEY (version_id, position)
);

CREATE TABLE package_configuration (
  scope_id BIGINT PRIMARY KEY,
  enabled BIGINT NOT NULL,
  role_arn TEXT,
  updated_at BIGINT NOT NULL
);

-- Requests that were carried out, by their clientToken: the same one again gets the same answer. digest is of all its
-- other members.
CREATE TABLE client_token (
  scope_id BIGINT NOT NULL,
  operation @name@ NOT NULL,
  token @name@ NOT NULL,
  digest TEXT NOT NULL,
  response TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (scope_id, operation, token)
);
CREATE INDEX client_token_by_age ON client_token (created_at);
