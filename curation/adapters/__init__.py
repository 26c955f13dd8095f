"""Reading of sources: files, Hub datasets and generators become records, records become our fields.

`read.open_source` gives a source's records as they stand, `fields.read_fields` maps one record
by the column names of params. What cannot be read is told record by record, never skipped.
"""
