"""A small world of fictitious people: demo, benchmarks and end-to-end tests.

Nobody in it exists. It is still treated as personal data everywhere, because
the tests that prove the absence of leaks search for exactly these people.
"""
