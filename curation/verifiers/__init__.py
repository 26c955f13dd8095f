"""Verifiers: each finds what a response is worth, or says why it cannot."""
