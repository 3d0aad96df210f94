"""Which faults are final: the one home of what is not worth trying again.

What passes by itself (a lost connection, a deadlock, a server that starts, a full disk) and what nobody foresaw is
tried again. Kinds are compared by name, so that whoever asks imports no engine.
"""

from collections.abc import Iterator

FINAL = frozenset(
    {
        "ingestion.relation.PublicationRefusedError",  # the books do not balance
        "ingestion.strict_yaml.DeclarationError",  # a contract or rule is wrong
        "ingestion.surrogate.SurrogateSecretError",  # the warehouse's keys were made with another secret
        "ingestion.pipeline.ScopeError",  # what is to be judged again does not exist
        # a place that is not there, and mistakes of the code
        *(f"builtins.{name}" for name in ("FileNotFoundError", "NotADirectoryError", "PermissionError")),
        *(f"builtins.{name}" for name in ("ArithmeticError", "AssertionError", "AttributeError", "ImportError")),
        *(f"builtins.{name}" for name in ("LookupError", "NameError", "TypeError")),
    }
)
PASSING = frozenset({"psycopg.OperationalError", "sqlalchemy.exc.OperationalError", "builtins.ConnectionError"})
"""Whatever was raised because of one of these passes with it."""
BUILD = "dbt_project.build.BuildError"


def final_fault(error: BaseException) -> BaseException | None:
    """The fault that will come again however often it is tried; None if it may pass.

    Of several faults at once (an ExceptionGroup) one that may pass makes it worth trying again.
    """
    chain = list(_chain(error))
    if any(_names(each) & PASSING for each in chain):
        return None
    for each in chain:
        if isinstance(each, BaseExceptionGroup):
            found = [final_fault(member) for member in each.exceptions]
            return None if None in found else found[0]
        if _names(each) & FINAL or failed_tests(each):
            return each
    return None


def failed_tests(error: BaseException) -> list[str]:
    """Names of the build's tests that failed, if that is the fault; not what dbt says of them: it may quote rows."""
    if BUILD not in _names(error):
        return []
    nodes = getattr(error, "failed", ())
    if not any(node.status == "fail" for node in nodes):
        return []
    return [f"{node.resource_type} {node.name}" for node in nodes]


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what it was raised from, one after the other."""
    while error is not None:
        yield error
        error = error.__cause__


def _names(error: BaseException) -> set[str]:
    return {f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__}
