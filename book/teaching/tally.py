"""Count a class's mistakes: ``python tally.py autograded/*/week3/*.ipynb``.

The ``results.json`` of otter-grader will do, too.
"""

import re
import sys
from collections import Counter
from pathlib import Path

from vaelib.checks.catalogue import MISTAKES

counts: Counter[str] = Counter()
for name in sys.argv[1:]:
    found = re.findall(r"mistakes: ([a-z\d-]+(?:, [a-z\d-]+)*)", Path(name).read_text("utf8"))
    counts.update({key for keys in found for key in keys.split(", ")})
for key, count in counts.most_common():
    print(f"{count:4} of {len(sys.argv) - 1}  {MISTAKES[key].name if key in MISTAKES else key}")
