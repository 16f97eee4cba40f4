"""A small local installation: every part as a real process on this machine."""
