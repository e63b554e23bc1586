-- A document's row authorises: whose document it is, and what its key holder signs. Rows from before have no MAC until the service,
-- at its start, finds them as the audit log tells them.
ALTER TABLE document ADD COLUMN mac BYTEA NOT NULL DEFAULT '';
CREATE INDEX document_without_mac ON document (id) WHERE length(mac) = 0;
