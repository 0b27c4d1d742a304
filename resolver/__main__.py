"""`python -m resolver` is `nxwhy`."""

from resolver.cli import main

main(prog_name="nxwhy")
