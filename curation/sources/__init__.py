"""Programs that make source records: a module per generator, each with one function `records`.

A record is a dict with `id`, `prompt`, `category` and, where it has them, `reference`,
`responses` (a list of {"tag", "text"}) and `licence`. The same arguments give the same
records on every machine.
"""
