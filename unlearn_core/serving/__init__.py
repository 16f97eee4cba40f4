"""The inference service: answers questions through the offset and swaps versions.

Nothing here can touch subject data: no training, no steps, no connectors.
"""
