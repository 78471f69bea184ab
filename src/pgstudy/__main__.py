"""`python -m pgstudy` is `pgstudy`."""

from pgstudy.launch import main

main()
