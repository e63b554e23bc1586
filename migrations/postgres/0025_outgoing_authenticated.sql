-- What roads, the register and incoming packages rest on is under the HSM's MAC. Rows from before have none until the service, at its
-- start, finds them as the audit log tells them.
ALTER TABLE outgoing_document ADD COLUMN recipients_digest BYTEA;
ALTER TABLE outgoing_document ADD COLUMN history_digest BYTEA;
CREATE INDEX outgoing_document_earlier ON outgoing_document (id) WHERE history_digest IS NULL;

-- When a package that could not be laid is tried again, and how often it was tried.
ALTER TABLE outgoing_recipient ADD COLUMN tries BIGINT NOT NULL DEFAULT 0;
ALTER TABLE outgoing_recipient ADD COLUMN try_after BIGINT NOT NULL DEFAULT 0;

-- Type and notation as they stand behind the number: within an agency and year no document looks like another.
ALTER TABLE outgoing_number ADD COLUMN designation TEXT NOT NULL DEFAULT '';
ALTER TABLE outgoing_number ADD COLUMN version BIGINT NOT NULL DEFAULT 0;
ALTER TABLE outgoing_number ADD COLUMN mac BYTEA NOT NULL DEFAULT '';
UPDATE outgoing_number SET designation = (
    SELECT CASE WHEN type_code = '' OR notation = '' THEN type_code || notation ELSE type_code || '-' || notation END
    FROM outgoing_document WHERE id = outgoing_id
);
-- Where two look alike already, the earlier one keeps it.
UPDATE outgoing_number SET designation = '' WHERE (unit, year, series, number) IN (
    SELECT unit, year, series, number FROM (
        SELECT unit, year, series, number,
            row_number() OVER (PARTITION BY unit, year, designation, number ORDER BY given_at, series) AS place FROM outgoing_number
    ) AS alike WHERE place > 1
);
CREATE UNIQUE INDEX outgoing_number_designation ON outgoing_number (unit, year, designation, number) WHERE designation <> '';
DROP INDEX outgoing_number_given;
CREATE UNIQUE INDEX outgoing_number_of_document ON outgoing_number (outgoing_id);

ALTER TABLE incoming_document ADD COLUMN package_sha256 BYTEA NOT NULL DEFAULT '';
ALTER TABLE incoming_document ADD COLUMN version BIGINT NOT NULL DEFAULT 0;
ALTER TABLE incoming_document ADD COLUMN mac BYTEA NOT NULL DEFAULT '';
DROP TRIGGER incoming_document_append_only ON incoming_document;
UPDATE incoming_document SET package_sha256 = (SELECT sha256 FROM document WHERE document.id = document_id);
CREATE TRIGGER incoming_document_no_update BEFORE UPDATE ON incoming_document FOR EACH ROW
    WHEN (length(OLD.mac) > 0) EXECUTE FUNCTION append_only();
CREATE TRIGGER incoming_document_no_delete BEFORE DELETE ON incoming_document FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE INDEX incoming_document_earlier ON incoming_document (id) WHERE length(mac) = 0;
DROP INDEX incoming_document_registered;
CREATE UNIQUE INDEX incoming_document_registered ON incoming_document (unit, sender_id, message_id, package_sha256)
    WHERE state = 'registered';

-- Which signed files came with what was registered: the same ones under another header are no further document.
CREATE TABLE incoming_attachment (
    incoming_id UUID NOT NULL REFERENCES incoming_document (id),
    position BIGINT NOT NULL,
    unit TEXT NOT NULL,
    sha256 BYTEA NOT NULL,
    PRIMARY KEY (incoming_id, position)
);
CREATE INDEX incoming_attachment_by_digest ON incoming_attachment (unit, sha256);
CREATE TRIGGER incoming_attachment_append_only BEFORE UPDATE OR DELETE ON incoming_attachment FOR EACH ROW EXECUTE FUNCTION append_only();
