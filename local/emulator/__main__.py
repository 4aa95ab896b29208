"""Starts the emulator with Latchkey's extensions. Its settings are MiniStack's environment variables.

An argument, the folder of the state, only marks the process for local.sh, which ends it by its command line.
"""

import sys

from ministack import app

from . import (
    developer_identity, lambda_qualifier, other_accounts, principal_arn, ses_identity, transport, upload_key,
)

developer_identity.install()
ses_identity.install()
lambda_qualifier.install()
transport.install()
upload_key.install()
principal_arn.install()
other_accounts.install()
del sys.argv[1:]
app.main()
