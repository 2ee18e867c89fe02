"""Make the virtual environment from the lock file; run by `make venv` with any Python from 3.11."""

import subprocess
import sys
from pathlib import Path

UV = "uv==0.13.8"
ROOT = Path(__file__).resolve().parent.parent


def main(venv: Path) -> None:
    if sys.version_info < (3, 11):  # noqa: UP036 (whoever runs this may have an older one)
        sys.exit(f"Linnet needs Python 3.11 or newer; {sys.executable} is {sys.version.split()[0]}.")
    if not (venv / "bin/python").exists():
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    print(f"Python's packages into {venv.name}; the first time about half a minute", file=sys.stderr)
    python, uv = venv / "bin/python", venv / "bin/uv"
    subprocess.run([python, "-m", "pip", "install", "--quiet", UV], check=True)
    for arguments in (["--require-hashes", "-r", "requirements/dev.lock"], ["--no-deps", "-e", "."]):
        subprocess.run([uv, "pip", "install", "--quiet", "--python", python, *arguments], check=True, cwd=ROOT)


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
