-- Tiles of the log's tree are computed from its leaves: nothing is stored that would have to be believed.
DROP TABLE audit_tile;
