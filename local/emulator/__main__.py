"""Starts the emulator with Latchkey's extensions. Its settings are MiniStack's environment variables.

An argument, the folder of the state, only marks the process for local.sh, which ends it by its command line.
"""

import sys

from ministack import app

from . import developer_identity, ses_identity

developer_identity.install()
ses_identity.install()
del sys.argv[1:]
app.main()
