-- A client that lost the answer to its redemption gets the same receipt again with the key that it made for it.
ALTER TABLE activation_code ADD COLUMN receipt_key BLOB;
