"""The shapes in which datasets are released: a module per layout, and `curation.layouts.named` that lists them."""
