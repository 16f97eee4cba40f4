"""Install torch into the environment that runs this file.

The default is the CPU build: from wherever pip is configured to look, if that holds
one; otherwise from PyTorch's own index. The package on PyPI is never taken for it:
on Linux it brings several gigabytes of CUDA libraries.

Usage: install_torch.py VERSION [cpu | auto]
"""

import json
import subprocess
import sys

HELP = """\
No CPU build of torch {version} could be installed. Either let this machine reach
PyTorch's package index, or put a CPU wheel into a folder and name that folder:
    PIP_FIND_LINKS=/path/to/wheels make setup
"""


def installed_version() -> str:
    """Return the version of torch that is installed, empty if none."""
    code = "from importlib import metadata; print(metadata.version('torch'))"
    return run(sys.executable, "-c", code)


def run(*command: str) -> str:
    """Return what a command prints, empty if it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - fixed commands
    return done.stdout.strip() if done.returncode == 0 else ""


def pip_would_take_cpu_build(version: str) -> bool:
    """Tell whether pip, as configured, resolves torch to a CPU build."""
    report = run(
        *(sys.executable, "-m", "pip", "install", "--dry-run", "--no-deps"),
        *("--ignore-installed", "--quiet", "--report", "-", f"torch=={version}"),
    )
    if not report:
        return False
    return any(
        item["metadata"]["version"].endswith("+cpu")
        for item in json.loads(report)["install"]
    )


def main(version: str, backend: str = "cpu") -> int:
    """Install torch and return the exit code."""
    wanted = {version, f"{version}+cpu"} if backend == "cpu" else set()
    if installed_version() in wanted:
        return 0
    if backend == "cpu" and pip_would_take_cpu_build(version):
        command = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps")
    else:
        command = (
            *(sys.executable, "-m", "uv", "pip", "install", "--python"),
            *(sys.executable, "--no-deps", "--reinstall-package", "torch"),
            f"--torch-backend={backend}",
        )
    code = subprocess.call((*command, f"torch=={version}"))  # noqa: S603 - fixed commands
    if code:
        sys.stderr.write(HELP.format(version=version))
    return code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
