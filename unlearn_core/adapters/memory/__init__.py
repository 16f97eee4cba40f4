"""Every port in memory: for development and for tests of what uses the ports.

They keep the promises of the real adapters and pass the same contract tests: fencing
tokens, a hash-chained ledger, keys that can be destroyed, errors of the port. Nothing
survives the process. Setting ``is_reachable`` to False takes a store away, as if its
server had died.
"""
