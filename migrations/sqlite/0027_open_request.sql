-- One open request of the same: whoever enters the second at the same moment is refused by the database. The keyed digest of what is asked
-- for stands here while the request is open; requests from before have none and are found by looking.
ALTER TABLE registration_request ADD COLUMN open_key BLOB;
CREATE UNIQUE INDEX registration_request_open ON registration_request (open_key) WHERE open_key IS NOT NULL;
