"""What two versions of a dataset differ in: rows, columns, splits, distributions, and why rows left.

`sides` finds what is compared, `changes` the keys that differ and the groups of columns that changed, `rows` the
old and new values, `drift` the distributions; `compare` puts them together, `report` and `export` show them.
"""
