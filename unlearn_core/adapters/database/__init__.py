"""The database: requests, ledger, leases, wrapped keys, messages.

SQLite by default, PostgreSQL by its address; the same code and the same tests.
"""
