"""Updates of a stack whose template has a Transform, which are never without a change.

CloudFormation answers "No updates are to be performed" only where nothing processes the template; else it runs an update in which no
resource changes. AWS does not document that; it was measured there for issue 10562 of localstack. The emulator compares the templates
as they are sent, with a Transform as well.
"""

from ministack.services.cloudformation import handlers

from . import require

require.attributes(handlers, "_stack_has_no_updates")
_has_no_updates = handlers._stack_has_no_updates


def install():
    """Puts the extension in place."""
    handlers._stack_has_no_updates = has_no_updates


def has_no_updates(stack, template, *arguments, **options):
    """The emulator's own, for a template without a Transform of the whole or within."""
    return not transforms(template) and _has_no_updates(stack, template, *arguments, **options)


def transforms(part):
    """Whether something processes a part of a template."""
    if isinstance(part, dict):
        return any(key in ("Transform", "Fn::Transform") or transforms(value) for key, value in part.items())
    return isinstance(part, list) and any(map(transforms, part))
