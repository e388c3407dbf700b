"""How many cases are tried: 500 each in `make test`, always the same ones; 10,000 new ones each in `make fuzz`."""

import os
from datetime import timedelta

from hypothesis import HealthCheck, Phase, settings

CASES = int(os.environ.get("AUTOGRADER_FUZZ_CASES", "0"))

settings.register_profile(
    "fuzz",
    max_examples=CASES or 500,
    # Nothing that a student sends may take a worker longer; a hundred times as long as most cases take.
    deadline=timedelta(seconds=3),
    derandomize=CASES == 0,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
    # A slow case would be made smaller for minutes.
    phases=[Phase.explicit, Phase.generate],
    print_blob=True,
)
settings.load_profile("fuzz")
