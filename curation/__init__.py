"""What happens to rows: one module per stage, named by the stage's verb."""
