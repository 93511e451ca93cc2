from __future__ import annotations

import json
import math

from infopt_compiler.budget import Spread


def test_the_narrowest_that_holds_with_what_is_asked():
    spread = Spread(1.0, {0.995: (0.7, 1.3), 0.975: (0.8, 1.2)})
    assert (spread.at(0.95).low, spread.at(0.975).low, spread.at(0.98).low) == (0.8, 0.8, 0.7)
    assert spread.at(0.98).confidence == 0.995
    assert spread.at(0.999) is None


def test_json_and_back():
    spread = Spread(1.0, {0.975: (-math.inf, 1.25), 1.0: (1.0, 1.0)})
    assert Spread.from_json(json.loads(json.dumps(spread.to_json(), allow_nan=False))) == spread
