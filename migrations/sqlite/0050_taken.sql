-- What only one of several may do who begin at the same moment, by the keyed digest of what it is: whoever comes second is refused by the
-- database. Rows of others that were written before there was this table are found by looking.
CREATE TABLE taken (
    key BLOB NOT NULL PRIMARY KEY,
    at INTEGER NOT NULL
) STRICT;
