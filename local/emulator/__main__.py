"""Starts the emulator with Latchkey's extensions. Its settings are MiniStack's environment variables."""

from ministack import app

from . import developer_identity, sam_parameters, ses_identity

developer_identity.install()
sam_parameters.install()
ses_identity.install()
app.main()
