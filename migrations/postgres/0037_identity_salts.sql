-- What the commitment to a subscriber's identity in the audit log is salted with, encrypted: it goes with the person, and then nothing can be guessed
-- from the log.
CREATE TABLE identity_salt (
    request_id UUID NOT NULL PRIMARY KEY REFERENCES registration_request (id),
    salt BYTEA NOT NULL
);
