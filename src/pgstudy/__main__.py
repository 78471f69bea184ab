"""`python -m pgstudy` is `pgstudy`."""

from pgstudy.cli import main

main()
