-- So that a certificate's oldest credentials are found when it has too many.
CREATE INDEX device_session_by_certificate ON device_session (scope_id, certificate_id, id);
