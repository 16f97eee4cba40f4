"""Deletion requests for large language models, from intake to certificate."""
