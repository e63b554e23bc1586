-- The audit log says which version a row that authorises has from an entry on: an old row put back shows.
ALTER TABLE audit_entry ADD COLUMN row_version BIGINT;
CREATE INDEX audit_entry_row_version ON audit_entry (subject, row_version) WHERE row_version IS NOT NULL;
