-- Raised in the transaction of every change of a certificate's standing: nodes see with one look that there is something to learn.
CREATE TABLE status_counter (
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    generation BIGINT NOT NULL
);
INSERT INTO status_counter (id, generation) VALUES (1, 0);

-- A list's first piece stands in `crl.list`, the others here, so that nobody holds a long list in memory. `length` counts all
-- octets; 0 where the list was published before there were pieces.
ALTER TABLE crl ADD COLUMN length BIGINT NOT NULL DEFAULT 0;
ALTER TABLE crl ADD COLUMN digest BYTEA NOT NULL DEFAULT '';
CREATE TABLE crl_piece (
    issuer_label TEXT NOT NULL,
    number BIGINT NOT NULL,
    piece BIGINT NOT NULL,
    octets BYTEA NOT NULL,
    PRIMARY KEY (issuer_label, number, piece)
);
