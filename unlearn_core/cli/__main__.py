"""Runs the command line: ``python -m unlearn_core.cli``."""

from unlearn_core.cli.main import main

if __name__ == "__main__":
    main()
