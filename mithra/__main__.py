"""`python -m mithra` is the command `mithra`."""

from __future__ import annotations

import sys

from mithra.cli.main import main

sys.exit(main())
