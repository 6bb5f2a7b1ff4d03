-- name: connectivity_put
INSERT INTO thing_connectivity
  (thing_id, connected, at, disconnect_reason, keep_alive, clean_session, session_expiry, client_id,
  source_ip, source_port, target_ip, target_port)
VALUES (:thing, :connected, :at, :reason, :keep_alive, :clean_session, :session_expiry, :client_id,
  :source_ip, :source_port, :target_ip, :target_port)
ON CONFLICT (thing_id) DO UPDATE SET connected = :connected, at = :at, disconnect_reason = :reason,
  keep_alive = coalesce(:keep_alive, thing_connectivity.keep_alive),
  clean_session = coalesce(:clean_session, thing_connectivity.clean_session),
  session_expiry = coalesce(:session_expiry, thing_connectivity.session_expiry),
  client_id = coalesce(:client_id, thing_connectivity.client_id),
  source_ip = coalesce(:source_ip, thing_connectivity.source_ip),
  source_port = coalesce(:source_port, thing_connectivity.source_port),
  target_ip = coalesce(:target_ip, thing_connectivity.target_ip),
  target_port = coalesce(:target_port, thing_connectivity.target_port)
WHERE thing_connectivity.at <= :at;

-- name: connectivity_get
SELECT connected, at, disconnect_reason, keep_alive, clean_session, session_expiry, client_id,
  source_ip, source_port, target_ip, target_port
FROM thing_connectivity WHERE thing_id = :thing;

-- name: connectivity_delete
DELETE FROM thing_connectivity WHERE thing_id = :thing;
