-- Numbers at a booth: how many a unit has given and called on a day, and what was called to which desk. They say nothing of persons, and nobody has a
-- right by them: rows without MACs. Whoever changes them by SQL muddles a waiting room.
CREATE TABLE booth_queue (
    unit TEXT NOT NULL,
    day TEXT NOT NULL,
    given BIGINT NOT NULL,
    called BIGINT NOT NULL,
    PRIMARY KEY (unit, day),
    CHECK (called BETWEEN 0 AND given)
);
CREATE TABLE booth_call (
    unit TEXT NOT NULL,
    day TEXT NOT NULL,
    number BIGINT NOT NULL,
    desk BIGINT NOT NULL,
    called_at BIGINT NOT NULL,
    PRIMARY KEY (unit, day, number)
);
