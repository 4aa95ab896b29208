"""The extensions wrap the emulator's internals, which may change: better to stop at the start than to mislead."""


def attributes(module, *names):
    """Stops the emulator with one line if a module lacks what an extension wraps or calls."""
    missing = [name for name in names if not hasattr(module, name)]
    if missing:
        raise SystemExit(
            f"{module.__name__} has no {', '.join(missing)}: this version of the emulator does not fit "
            "local/emulator; install the one that local/requirements.txt pins"
        )
