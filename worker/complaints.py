"""What an operator should look at after a run, line by line: kept with the run, so only the first lines are; counts tell of all."""

KEPT = 50


def first(complaints: tuple[str, ...], more: tuple[str, ...]) -> tuple[str, ...]:
    """The first lines of both."""
    return (*complaints, *more)[:KEPT]
