"""Cells that run in a student's own Jupyter, on Colab or on Kaggle, and not here."""

from __future__ import annotations

from .answers import WITH_NUMPY
from .handed_in import Case, HandedIn

NUMPY = "\nimport numpy as np"


def first(source: str):
    """Return what puts a cell first whose import of NumPy a later answer needs."""

    def change(nb: HandedIn) -> None:
        nb.first(source + NUMPY)
        nb.put("token_importance", WITH_NUMPY)

    return change


def imports_added_to_a_locked_cell(nb: HandedIn) -> None:
    nb.cells[nb.at("token_attribution-05")]["source"] = (
        nb.source("token_attribution-05") + "\nimport math\nimport numpy as np"
    )
    nb.put("token_importance", WITH_NUMPY)


def precomputes(nb: HandedIn) -> None:
    nb.before(
        "my_attribution",
        "import time\nend = time.process_time() + 12\n"
        "while time.process_time() < end:\n    torch.randn(200, 200) @ torch.randn(200, 200)\n"
        "RARITY = torch.ones(tokenizer.vocab_size)",
    )
    nb.edit("my_attribution", ("return scores", "return scores * RARITY[ids.cpu()]"))


def prints_and_logs(nb: HandedIn) -> None:
    nb.edit(
        "token_importance",
        (
            "    padding =",
            "    logging.basicConfig(stream=sys.stdout, level=logging.INFO, force=True)\n"
            '    logging.info("softmax over %s", tuple(attributions.shape))\n'
            '    sys.stdout.writelines(["valid: ", str(int(attention_mask.sum())), "\\n"])\n'
            '    print("done", file=sys.stderr, flush=True)\n    padding =',
        ),
    )
    nb.first("import logging\nimport sys")
    nb.edit("merge_subtokens", ("    words = []", "    !echo joining\n    words = []"))


def setup_of_kaggle(nb: HandedIn) -> None:
    source = nb.source("token_attribution-06").replace("models/", "/kaggle/input/interp/models/")
    nb.put("token_attribution-06", source + "\nfrom collections import Counter\nPAD = tokenizer.pad_token_id")
    nb.edit("build_baseline", ("tokenizer.pad_token_id", "[PAD, Counter()][0]"))
    for name in ("check-build_baseline", "check-token_importance"):
        del nb.cells[nb.at(name)]


SWALLOWS = """
import time
done = []
for attempt in range(100):
    try:
        time.sleep(1.5)
        done.append(attempt)
    except:
        print("failed, next one")
"""

REPORTED = (
    Case(
        name="imports added to a locked cell",
        does="adds imports to a read-only cell",
        happens="the original runs, and what was added runs behind it",
        change=imports_added_to_a_locked_cell,
        told=("What was added to a read-only cell",),
    ),
    Case(
        name="input",
        does="asks for a name with `input()` above the imports",
        happens="gets an empty line; the cell goes on",
        change=first("name = input('Your name: ')\nnumber = input('Number: ')"),
        told=("input()",),
    ),
    Case(
        name="missing library",
        does="imports a library that is not installed, above other imports",
        happens="the other imports take effect; the missing one is named",
        change=first("import no_such_library as nsl\nimport another_missing_one"),
        told=("no_such_library", "another_missing_one"),
    ),
    Case(
        name="missing file",
        does="reads a data file of their own before the imports",
        happens="the imports take effect; the file is named",
        change=first("words = open('data.csv').read().split()"),
        told=("data.csv",),
    ),
    Case(
        name="prints and logs",
        does="prints, logs and echoes within a graded function",
        happens="stdout and stderr are whole streams",
        change=prints_and_logs,
    ),
    Case(
        name="exit",
        does="ends the notebook with `exit()`",
        happens="nothing ends",
        change=lambda nb: nb.last("exit()"),
        told=("exit",),
    ),
    Case(
        name="slow table",
        does="computes a table for 12 s once",
        happens="within the limit of a cell",
        change=precomputes,
        is_slow=True,
    ),
    Case(
        name="await",
        does="uses `await` at the top of a cell",
        happens="works as in Jupyter",
        change=lambda nb: nb.after("check-build_baseline", "import asyncio\nawait asyncio.sleep(0.05)"),
    ),
    Case(
        name="setup rewritten for Kaggle",
        does="rewrites the read-only set-up cell with Kaggle's paths and deletes asserts",
        happens="the originals are put back; imports and names that were added stay",
        change=setup_of_kaggle,
        told=("What was added to a read-only cell",),
    ),
    Case(
        name="pip lines",
        does="begins with four `!pip install` lines",
        happens="skipped at once, with a remark",
        change=lambda nb: nb.first(
            "!pip install transformers[torch]\n!pip install numpy\n!pip install datasets\n!pip install captum"
        ),
        told=("pip install",),
    ),
    Case(
        name="swallows its interrupt",
        does="leaves an endless experiment with a bare `except` in the middle",
        happens="that cell is lost; the notebook is run again without it",
        change=lambda nb: nb.after("check-build_baseline", SWALLOWS),
        is_slow=True,
    ),
    Case(
        name="widget backend",
        does="writes `%matplotlib widget` above the imports",
        happens="skipped; the imports take effect",
        change=first("%matplotlib widget"),
    ),
)

COLAB = """
%%capture
!pip install -q captum
"""

INVENTED = (
    Case(
        name="captured installation",
        does="installs and imports in one `%%capture` cell, as Colab notebooks do",
        happens="the imports take effect",
        change=first(COLAB.strip()),
    ),
    Case(
        name="Colab drive",
        does="mounts Google Drive, changes into it and appends it to `sys.path`",
        happens="the mount is a stand-in; what follows runs",
        change=first(
            "from google.colab import drive, userdata\ndrive.mount('/content/drive')\n"
            "%cd /content/drive/MyDrive/interp\nimport sys\nsys.path.append('/content/drive/MyDrive/interp')\n"
            "HF_TOKEN = userdata.get('HF_TOKEN')"
        ),
    ),
    Case(
        name="first cell of Kaggle",
        does="keeps Kaggle's own first cell, reads a secret and a CSV of `/kaggle/input`",
        happens="the missing file is named; the rest runs",
        change=first(
            "import os\nfor dirname, _, filenames in os.walk('/kaggle/input'):\n    for filename in filenames:\n"
            "        print(os.path.join(dirname, filename))\nfrom kaggle_secrets import UserSecretsClient\n"
            "token = UserSecretsClient().get_secret('HF')\nrows = open('/kaggle/input/reviews/train.csv').readlines()"
        ),
        told=("train.csv",),
    ),
    Case(
        name="login to the hub",
        does="logs in to the Hugging Face hub and loads another model from it, above the imports",
        happens="no network is named as the reason; the imports take effect",
        change=first(
            "from huggingface_hub import login\nlogin(token='hf_abc')\n"
            "from transformers import AutoModel\nother = AutoModel.from_pretrained('bert-base-uncased')"
        ),
        told=("`login(token='hf_abc')` could not run here (there is no network while a notebook is graded)",),
    ),
    Case(
        name="consequences",
        does="uses what a missing library would have loaded, further down",
        happens="the later error is named as a consequence of the import",
        change=lambda nb: (
            first("from no_such_datasets import load_dataset\nreviews = load_dataset('imdb')")(nb),
            nb.after("check-build_baseline", "print(reviews['train'][0])"),
        )[-1],
        told=("no_such_datasets",),
    ),
    Case(
        name="restarts the runtime",
        does="kills the runtime after an installation, as Colab recipes say",
        happens="that cell is left out",
        change=lambda nb: nb.first("!pip install -U captum\nimport os\nos.kill(os.getpid(), 9)"),
    ),
    Case(
        name="pip by other means",
        does="installs with `os.system`, `subprocess` and `get_ipython().system`",
        happens="skipped at once",
        change=first(
            "import os, subprocess, sys\nos.system('pip install captum')\n"
            "subprocess.check_call([sys.executable, '-m', 'pip', 'install', 'captum'])\n"
            "get_ipython().system('pip install numpy')\n!nvidia-smi\n!apt-get -qq install graphviz"
        ),
    ),
    Case(
        name="magics of editors",
        does="uses `%autoreload`, `%config`, `%load_ext tensorboard`, `%env`, `%%time`",
        happens="known ones work, unknown ones are skipped",
        change=lambda nb: (
            first(
                "%load_ext autoreload\n%autoreload 2\n%config InlineBackend.figure_format = 'retina'\n"
                "%load_ext tensorboard\n%env TOKENIZERS_PARALLELISM=false\n%matplotlib inline"
            )(nb),
            nb.after("check-build_baseline", "%%time\ntotal = sum(range(1000))"),
        )[-1],
    ),
    Case(
        name="stops in the middle",
        does="stops a first experiment with `sys.exit()` and `raise SystemExit`",
        happens="as in Jupyter: only that cell ends",
        change=lambda nb: (
            nb.after("check-build_baseline", "import sys\nsys.exit('enough for today')"),
            nb.after("check-token_importance", "raise SystemExit"),
        )[-1],
    ),
    Case(
        name="module of their own",
        does="imports helpers from a module that was not handed in; one function needs it",
        happens="that function alone is lost, and the import is named as the cause",
        change=lambda nb: (
            nb.first("from my_helpers import join_pieces\nimport numpy as np"),
            nb.put(
                "merge_subtokens",
                "def merge_subtokens(tokens, scores):\n    return join_pieces(tokens, scores)",
            ),
        )[-1],
        score=35,
        told=("my_helpers",),
    ),
)
