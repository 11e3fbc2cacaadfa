"""`python -m quickstudy` is the command `quickstudy`."""

import sys

from quickstudy.cli import main

sys.exit(main())
