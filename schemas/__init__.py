"""The contract between stages: one module per table, with its columns, grain and key."""
