"""Models of the hub: found in this machine's cache at a pinned commit, and put there by one command.

The cache is the usual one of huggingface_hub (`HF_HOME`, `HF_HUB_CACHE`); grading never asks the network.
"""

from __future__ import annotations

from pathlib import Path

from autograder.errors import AssignmentError

_FILES = ("*.json", "*.txt", "*.model", "*.safetensors")
_OLD_WEIGHTS = "pytorch_model.bin"
_RESULTS = ("*predictions_.json", "null_odds_.json")
"""What transformers' script for SQuAD left beside some models, 56 MB beside the 25 of the weights."""


def find_snapshot(name: str, revision: str, *, remedy: str = "") -> Path:
    """Find a model in the cache.

    Args:
        name: On the hub, `openai-community/gpt2`.
        revision: A commit's whole hash; empty for what the cache holds as main.
        remedy: The command that puts it there.

    Returns:
        The snapshot's folder; its name is the commit.

    Raises:
        AssignmentError: If it is not there.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    what = f"{name} at commit {revision}" if revision else name
    try:
        # With the patterns of fetching: newer versions refuse a snapshot that lacks files of the repository.
        return Path(
            snapshot_download(
                name,
                revision=revision or None,
                allow_patterns=list(_FILES),
                ignore_patterns=list(_RESULTS),
                local_files_only=True,
            )
        )
    except HFValidationError as error:
        raise AssignmentError(f"{name!r} is no name on the hub: {error}") from None
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError):
        raise AssignmentError(
            f"{what} is not in this machine's cache of the hub."
            + (f"\nFetch it once with: {remedy}" if remedy else "")
        ) from None


def fetch_snapshot(name: str, revision: str) -> Path:
    """Download a model into the cache: configuration, tokenizer, and weights as safetensors where there are any.

    Args:
        name: On the hub.
        revision: A commit's whole hash; empty for main as it is now.

    Returns:
        The snapshot's folder; its name is the commit.

    Raises:
        AssignmentError: If the hub has no such model, or cannot be reached.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        folder = Path(
            snapshot_download(
                name,
                revision=revision or None,
                allow_patterns=list(_FILES),
                ignore_patterns=list(_RESULTS),
            )
        )
        if not any(folder.glob("*.safetensors")):
            snapshot_download(name, revision=folder.name, allow_patterns=[_OLD_WEIGHTS])
    except HFValidationError as error:
        raise AssignmentError(f"{name!r} is no name on the hub: {error}") from None
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise AssignmentError(
            f"{name} cannot be fetched from the hub: {reason}\n"
            "Is there a network, and does the model exist? HF_HUB_OFFLINE must not be set."
        ) from None
    return folder
