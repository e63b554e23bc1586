-- Administrative units as dated lists, and agencies' lists of officials: uploaded and corrected by one person, approved by another over
-- exactly their content, and carried out line by line by a job that may stop anywhere.
CREATE TABLE unit_list (
    id UUID NOT NULL PRIMARY KEY,
    valid_from TEXT NOT NULL UNIQUE,
    content BYTEA NOT NULL,
    loaded_by UUID NOT NULL REFERENCES account (id),
    loaded_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    mac BYTEA NOT NULL
);

CREATE TABLE agency_list (
    id UUID NOT NULL PRIMARY KEY,
    state TEXT NOT NULL,
    unit TEXT NOT NULL,
    title BYTEA NOT NULL,
    content_digest BYTEA,
    size BIGINT NOT NULL,
    entered_by UUID NOT NULL REFERENCES account (id),
    uploaded_at BIGINT NOT NULL,
    entered_at BIGINT,
    decided_by UUID REFERENCES account (id),
    decided_at BIGINT,
    rejection_reason TEXT,
    finished_at BIGINT,
    version BIGINT NOT NULL,
    mac BYTEA NOT NULL,
    CHECK (decided_by IS NULL OR decided_by <> entered_by)
);
CREATE INDEX agency_list_by_state ON agency_list (state, uploaded_at, id);
CREATE INDEX agency_list_by_age ON agency_list (uploaded_at, id);

CREATE TABLE agency_line (
    list_id UUID NOT NULL REFERENCES agency_list (id),
    position BIGINT NOT NULL,
    row_number BIGINT NOT NULL,
    fields BYTEA NOT NULL,
    outcome TEXT,
    reason TEXT,
    request_id UUID REFERENCES registration_request (id),
    done_at BIGINT,
    PRIMARY KEY (list_id, position)
);
