-- A first activation asks for a second secret beside the code: sent to the contact that the request names, known to no member of staff.
ALTER TABLE activation_code ADD COLUMN second_secret BYTEA;
ALTER TABLE activation_code ADD COLUMN messages BIGINT;
