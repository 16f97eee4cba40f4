"""One erasure request on real language: ``make demo-smollm2``.

SmolLM2-135M-Instruct is taught twenty authors of TOFU in bf16; then one of them asks
to be forgotten, and the same services and the same flow as in the demo work on it. It
ends with a table, ``summary.json`` and one JSON line.
"""

import argparse
import json
import os
import shutil
import sys
from pathlib import Path

from unlearn_core.local.environment import LocalInstallation, Ports

HERE = Path(__file__).parent
BASE_MODEL = "smollm2-135m-tofu"


def main() -> int:
    """Run the experiment; the exit code says whether the verdict passed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tofu", type=Path, required=True, help="folder of TOFU")
    parser.add_argument("--home", type=Path, default=Path("var/smollm2"))
    parser.add_argument("--cache", type=Path, default=Path("var/bench"))
    parser.add_argument("--author", type=int, default=0, help="which of the twenty")
    options = parser.parse_args()
    if not options.tofu.is_dir():
        print(f"TOFU is not in {options.tofu}; name its folder with --tofu.")
        return 2
    home = options.home.absolute()
    shutil.rmtree(home, ignore_errors=True)
    installation = LocalInstallation(
        home=home, ports=Ports.free(), base_model=BASE_MODEL
    )
    installation.make_folders()
    own = {
        "UNLEARN_ACCEPTANCE_POLICY": str(HERE / "acceptance-text-1.yaml"),
        "UNLEARN_RECIPE": str(HERE / "smollm2_ladder.yaml"),
        "UNLEARN_SERVING__THREADS": "0",
        "UNLEARN_MODEL__PRECISION": "bfloat16",
    }
    # Libraries read these when they are imported, so they are set before.
    os.environ.update(installation.environment() | own)
    from benchmarks.smollm2_story import tell  # noqa: PLC0415

    summary = tell(
        installation, tofu=options.tofu, cache=options.cache, author=options.author
    )
    (home / "summary.json").write_text(json.dumps(summary, indent=1) + "\n")
    print(json.dumps(summary))
    return 0 if summary["verdict"] == "passed" else 1


if __name__ == "__main__":
    sys.exit(main())
