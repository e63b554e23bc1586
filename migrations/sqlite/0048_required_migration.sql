-- Migrations that a program must know to work with these tables: one that older programs cannot work beside puts its own number here. All
-- others only add what those do not look at.
CREATE TABLE required_migration (
    version INTEGER NOT NULL PRIMARY KEY
) STRICT;
