"""Updates of a stack whose template has a Transform, which are never without a change.

CloudFormation answers "No updates are to be performed" only where nothing processes the template; else it runs an update in which no
resource changes. AWS does not document that; it was measured there for issue 10562 of localstack. The emulator compares what it made of
the templates, with a Transform as well.
"""

from ministack.services.cloudformation import handlers

from . import require

require.attributes(handlers, "_stack_has_no_updates", "_uses_macro", "_parse_template")
_has_no_updates = handlers._stack_has_no_updates


def install():
    """Puts the extension in place."""
    handlers._stack_has_no_updates = has_no_updates


def has_no_updates(stack, *arguments, **options):
    """The emulator's own, for a stack that has its template as it was sent."""
    processed = handlers._uses_macro(handlers._parse_template(stack.get("_template_body") or "{}"))
    return not processed and _has_no_updates(stack, *arguments, **options)
