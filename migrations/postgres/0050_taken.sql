-- What only one of several may do who begin at the same moment, by the keyed digest of what it is: whoever comes second is refused by the
-- database. Rows of others that were written before there was this table are found by looking.
CREATE TABLE taken (
    key BYTEA NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL
);
