-- The authorities of every server on the store: what one of them has issued gets in at all.
CREATE TABLE server_authority (
  id @id@,
  fingerprint @name@ NOT NULL UNIQUE,
  pem TEXT NOT NULL
);
