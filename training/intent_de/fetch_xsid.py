"""Fetch the German xSID extract: real sentences for the 18 intents.

    python -m training.intent_de.fetch_xsid                  # into data/xsid_de
    python -m training.intent_de.fetch_xsid --from FOLDER    # copy files that you have, with the same checks

Licence of the data: CC BY-SA 4.0. Rob van der Goot et al. (2021), "From Masked Language Modeling to
Translation: Non-English Auxiliary Tasks Improve Zero-shot Spoken Language Understanding", NAACL. The
extract is the one of the public repository tanikina/mi-tutorials. It is not part of this project: git ignores
the default folder.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import urllib.error
import urllib.request
from pathlib import Path

COMMIT = "3d707f8fdb5a6c0c151273cc5181af51ec05a0ec"
ADDRESS = "https://raw.githubusercontent.com/tanikina/mi-tutorials/{commit}/datasets/xsid_de_{name}"
CHECKSUMS = {
    "train.csv": "8823afc9840b63566c5aa1fe7a9dc41274f0aafe465d1ea11571291b1399ff5f",
    "val.csv": "8733fd93bd0cc2b44c6b97f0bfd9a98bde4c5dd1c54d062555dbfcb34e17c5cf",
    "test.csv": "7abc410d6e9e1b8c4f3872f53a736095ae99a64429b5c115e10a0eac95874829",
    "examples.csv": "c90f375424ac1249367969e67587a7e54ee56ea12a6a77555ee0548d91666db2",
}
"""SHA-256 of each file."""

NOTICE = "xSID, German extract: CC BY-SA 4.0, van der Goot et al. 2021."


class FetchError(Exception):
    """A file is missing, altered or out of reach; the text says what to do."""


def fetch(folder: Path, source: Path | None = None, timeout_s: float = 30.0) -> list[Path]:
    """Put the four files into a folder, each checked before it is written.

    Args:
        folder: Made if need be. Right files that lie there already are kept.
        source: A folder with the files, named as here or as in the repository; None downloads them.
        timeout_s: For each download, in seconds.

    Returns:
        The files' paths.

    Raises:
        FetchError: If a file cannot be had or its checksum differs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, checksum in CHECKSUMS.items():
        path = folder / name
        paths.append(path)
        if source is None and path.is_file() and _sha256(path.read_bytes()) == checksum:
            continue
        content = _downloaded(name, timeout_s) if source is None else _copied(name, source)
        found = _sha256(content)
        if found != checksum:
            raise FetchError(
                f"{name}: the SHA-256 checksum is {found}, expected {checksum}. The file is altered or cut; "
                "nothing was written. Fetch it again, or give another folder with --from."
            )
        path.write_bytes(content)
    return paths


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _downloaded(name: str, timeout_s: float) -> bytes:
    address = ADDRESS.format(commit=COMMIT, name=name)
    try:
        with urllib.request.urlopen(address, timeout=timeout_s) as answer:
            content: bytes = answer.read()
            return content
    except (urllib.error.URLError, TimeoutError, OSError) as error:
        raise FetchError(
            f"{address} cannot be read: {error}. Are you online? Without a network, get the four files "
            "elsewhere and give their folder: python -m training.intent_de.fetch_xsid --from FOLDER"
        ) from error


def _copied(name: str, source: Path) -> bytes:
    for candidate in (source / name, source / f"xsid_de_{name}"):
        if candidate.is_file():
            return candidate.read_bytes()
    raise FetchError(
        f"{source} holds neither {name} nor xsid_de_{name}. Give the folder with {len(CHECKSUMS)} files."
    )


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(description="Fetch the German xSID extract.", epilog=NOTICE)
    parser.add_argument(
        "folder", nargs="?", type=Path, default=Path("data/xsid_de"), help="where the files go"
    )
    parser.add_argument(
        "--from", dest="source", type=Path, help="copy from this folder instead of downloading"
    )
    options = parser.parse_args(arguments)
    try:
        paths = fetch(options.folder, options.source)
    except FetchError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{len(paths)} files in {options.folder}. {NOTICE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
