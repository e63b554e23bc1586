-- Administrative units as dated lists, and agencies' lists of officials: uploaded and corrected by one person, approved by another over
-- exactly their content, and carried out line by line by a job that may stop anywhere.
CREATE TABLE unit_list (
    id BLOB NOT NULL PRIMARY KEY,
    valid_from TEXT NOT NULL UNIQUE,
    content BLOB NOT NULL,
    loaded_by BLOB NOT NULL REFERENCES account (id),
    loaded_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    mac BLOB NOT NULL
) STRICT;

CREATE TABLE agency_list (
    id BLOB NOT NULL PRIMARY KEY,
    state TEXT NOT NULL,
    unit TEXT NOT NULL,
    title BLOB NOT NULL,
    content_digest BLOB,
    size INTEGER NOT NULL,
    entered_by BLOB NOT NULL REFERENCES account (id),
    uploaded_at INTEGER NOT NULL,
    entered_at INTEGER,
    decided_by BLOB REFERENCES account (id),
    decided_at INTEGER,
    rejection_reason TEXT,
    finished_at INTEGER,
    version INTEGER NOT NULL,
    mac BLOB NOT NULL,
    CHECK (decided_by IS NULL OR decided_by <> entered_by)
) STRICT;
CREATE INDEX agency_list_by_state ON agency_list (state, uploaded_at, id);
CREATE INDEX agency_list_by_age ON agency_list (uploaded_at, id);

CREATE TABLE agency_line (
    list_id BLOB NOT NULL REFERENCES agency_list (id),
    position INTEGER NOT NULL,
    row_number INTEGER NOT NULL,
    fields BLOB NOT NULL,
    outcome TEXT,
    reason TEXT,
    request_id BLOB REFERENCES registration_request (id),
    done_at INTEGER,
    PRIMARY KEY (list_id, position)
) STRICT;
