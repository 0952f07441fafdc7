"""The `secondpass` command: one small file a subcommand. Computes nothing; reads, asks the library, and writes."""
