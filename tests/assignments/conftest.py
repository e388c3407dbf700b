"""How near a reference lies to witnesses that owe it nothing, as a table: `make witnesses`."""

import pytest

_SEEN = pytest.StashKey[dict]()


def pytest_addoption(parser):
    parser.addoption(
        "--witness-table", action="store_true", help="print how near references lie to witnesses"
    )


def pytest_configure(config):
    config.stash[_SEEN] = {}


@pytest.fixture
def agrees(request):
    """Assert that a reference's answer lies within a bound of a witness's, and keep the distance for the table."""

    def check(quantity, witness, distance, bound):
        slug = request.path.parent.name
        seen = request.config.stash[_SEEN]
        key = slug, quantity, witness
        farthest, _, times = seen.get(key, (0.0, bound, 0))
        seen[key] = max(farthest, float(distance)), bound, times + 1
        assert float(distance) <= bound, f"{quantity} lies {float(distance):.3g} from {witness}"

    return check


def pytest_terminal_summary(terminalreporter, config):
    # The flag is known only where this folder is named on the command line.
    if not config.getoption("--witness-table", default=False):
        return
    terminalreporter.section("witnesses: largest relative distance of the references")
    header = ("assignment", "quantity", "witness", "distance", "bound", "times")
    rows = [
        (*key, f"{farthest:.2g}", f"{bound:.0e}", str(times))
        for key, (farthest, bound, times) in sorted(config.stash[_SEEN].items())
    ]
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    for row in [header, *rows]:
        terminalreporter.write_line(
            "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True))
        )
