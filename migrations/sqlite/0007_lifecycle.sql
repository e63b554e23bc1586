-- RFC 5280 §5.3.2: since when a revoked certificate's signatures are in doubt. Null in older rows, whose MACs stay good.
ALTER TABLE certificate ADD COLUMN invalid_since INTEGER;
-- The certificate that the one requested is to follow.
ALTER TABLE registration_request ADD COLUMN follows_certificate BLOB REFERENCES certificate (id);
