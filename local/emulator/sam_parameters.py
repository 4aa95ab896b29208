"""Hands a stack's parameters to the SAM translator, as AWS does.

The translator resolves a parameter that it needs itself, such as the key of a function's code, from which it
derives the version that an alias points at. The emulator gives it no values, so it takes the defaults, and a
stack whose code key is a parameter would get functions without code.
"""

import copy

from ministack.services.cloudformation import changesets, engine, handlers

from . import require

require.attributes(engine, "_apply_transforms", "_transform_parameters")
_apply = engine._apply_transforms


def install():
    """Puts the extension in place."""
    for module in (changesets, handlers):
        require.attributes(module, "_apply_transforms")
        module._apply_transforms = apply_transforms


def apply_transforms(template, provided_params=None, previous_params=None):
    """Makes each value the parameter's default for the time of the transform."""
    values = engine._transform_parameters(template, provided_params, previous_params)
    declared = template.get("Parameters") or {}
    with_values = copy.deepcopy(template)
    for name, value in values.items():
        with_values["Parameters"][name]["Default"] = value
    transformed = _apply(with_values, provided_params, previous_params)
    if declared and isinstance(transformed, dict) and "Parameters" in transformed:
        transformed["Parameters"] = declared
    return transformed
