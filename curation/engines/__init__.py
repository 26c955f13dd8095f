"""Engines that answer chat requests: transformers, vLLM in process, OpenAI-compatible endpoints."""
