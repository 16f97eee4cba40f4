"""Deciding, with statistics, whether a person is forgotten and nobody else."""
