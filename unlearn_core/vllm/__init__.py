"""The offset inside vLLM: a logits processor that pulls, verifies and swaps pairs.

Only `processor` imports vLLM. Everything else is told what it has to know, and runs in
tests without it.
"""
