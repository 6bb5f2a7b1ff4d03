-- What MQTT keeps while nobody is connected. node is the server that a session lives on: several servers may share a
-- PostgreSQL, each with connections of its own. id counts on its node. expires_at is null while a client is connected.
CREATE TABLE mqtt_session (
  node BIGINT NOT NULL,
  id BIGINT NOT NULL,
  scope_id BIGINT NOT NULL,
  client_id @name@ NOT NULL,
  level BIGINT NOT NULL,
  expiry_s BIGINT NOT NULL,
  expires_at BIGINT,
  PRIMARY KEY (node, id)
) @flat@;

CREATE TABLE mqtt_subscription (
  node BIGINT NOT NULL,
  session_id BIGINT NOT NULL,
  filter @name@ NOT NULL,
  options BIGINT NOT NULL,
  PRIMARY KEY (node, session_id, filter)
) @flat@;

-- QoS 1 messages that a session waits for, in the order of their ids. properties are bytes as MQTT 5 writes them.
CREATE TABLE mqtt_message (
  node BIGINT NOT NULL,
  session_id BIGINT NOT NULL,
  id BIGINT NOT NULL,
  topic @name@ NOT NULL,
  payload @bytes@ NOT NULL,
  retain BIGINT NOT NULL,
  properties @bytes@,
  expires_at BIGINT,
  newest_only BIGINT NOT NULL,
  PRIMARY KEY (node, session_id, id)
);

-- The retained message of a topic belongs to the scope, not to a server.
CREATE TABLE mqtt_retained (
  scope_id BIGINT NOT NULL,
  topic @name@ NOT NULL,
  payload @bytes@ NOT NULL,
  qos BIGINT NOT NULL,
  properties @bytes@,
  expires_at BIGINT,
  retained_at BIGINT NOT NULL,
  PRIMARY KEY (scope_id, topic)
);
