"""The command line's commands, one a file; `cli.py` lists them."""
