"""Training and evaluation on releases. Empty so far: the stages sft, preference and rl go here."""
