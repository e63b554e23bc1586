-- Numbers at a booth: how many a unit has given and called on a day, and what was called to which desk. They say nothing of persons, and nobody has a
-- right by them: rows without MACs. Whoever changes them by SQL muddles a waiting room.
CREATE TABLE booth_queue (
    unit TEXT NOT NULL,
    day TEXT NOT NULL,
    given INTEGER NOT NULL,
    called INTEGER NOT NULL,
    PRIMARY KEY (unit, day),
    CHECK (called BETWEEN 0 AND given)
) STRICT;
CREATE TABLE booth_call (
    unit TEXT NOT NULL,
    day TEXT NOT NULL,
    number INTEGER NOT NULL,
    desk INTEGER NOT NULL,
    called_at INTEGER NOT NULL,
    PRIMARY KEY (unit, day, number)
) STRICT;
