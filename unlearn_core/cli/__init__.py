"""The command line: ``unlearn <noun> <verb>``."""
