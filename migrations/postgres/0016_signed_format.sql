-- How a document was signed: PDF (PAdES) or one of the other formats. Rows from before are PDF.
ALTER TABLE document ADD COLUMN signed_format TEXT;
