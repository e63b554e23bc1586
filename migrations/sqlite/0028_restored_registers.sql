-- After a restore: the last number that a register of documents had given, as its clerks know it. Until it is confirmed the register is closed.
CREATE TABLE register_confirmation (
    register TEXT NOT NULL,
    unit TEXT NOT NULL,
    year INTEGER NOT NULL,
    series TEXT NOT NULL,
    last_number INTEGER NOT NULL,
    confirmed_at INTEGER NOT NULL,
    PRIMARY KEY (register, unit, year, series, confirmed_at),
    CHECK (last_number >= 0)
) STRICT;
