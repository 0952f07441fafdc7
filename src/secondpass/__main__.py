"""`python -m secondpass` is the `secondpass` command."""

from secondpass.cli.app import main

if __name__ == "__main__":
    main()
