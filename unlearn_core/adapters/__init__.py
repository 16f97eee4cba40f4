"""Implementations of the ports; imported by the ``wiring`` modules only."""
