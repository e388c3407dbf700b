"""Notebooks that ran elsewhere: what does not exist here costs one statement, and only that."""

from __future__ import annotations

import time

import pytest

from autograder.errors import StudentCodeError

from .conftest import Runner, text_of

pytestmark = pytest.mark.sandbox

SKIPPED = "Commands that install or download something are skipped while your notebook is graded"


@pytest.mark.parametrize(
    "cell",
    [
        "!pip install a\n!pip install b\n!pip install c\n!pip install d",
        "%pip install -q a",
        "import sys\n!{sys.executable} -m pip install a",
        "!apt-get -qq update && apt install -y graphviz > /dev/null",
        "!wget -q http://example.com/a.zip\n!curl -O http://example.com/b.zip\n!git clone http://x/y",
        "%conda install a\n!mamba install b\n!uv pip install c",
        "%%bash\npip install a\n# and\napt-get install b",
        "%%sh\nwget http://example.com",
        "%%shell\npip install a",
        "listed = !pip list\nassert list(listed) == [], listed",
        "import subprocess, sys\nsubprocess.check_call([sys.executable, '-m', 'pip', 'install', 'a'])",
        "import subprocess\nassert subprocess.run('pip install a', shell=True, check=True).returncode == 0",
        "import os\nassert os.system('pip install a') == 0",
        "from subprocess import run\nrun(['git', 'clone', 'http://x/y'], check=True)",
        "if True:\n    !pip install a",
    ],
)
def test_installs_and_downloads_are_skipped_at_once(runner: Runner, cell: str) -> None:
    began = time.monotonic()
    execution = runner.session(cell, "print('on')", cell_timeout_s=5).run()

    assert time.monotonic() - began < 5
    assert execution.failures == ()
    assert len(execution.remarks) == 1
    assert execution.remarks[0].startswith(SKIPPED)
    assert "/bin" not in execution.remarks[0]
    assert text_of(execution, 1) == "on\n"


def test_many_installs_make_one_remark(runner: Runner) -> None:
    execution = runner.session(*[f"!pip install a{number}" for number in range(5)]).run()

    assert execution.remarks == (
        f"{SKIPPED}: `pip install a0`, `pip install a1`, `pip install a2` and 2 more.",
    )


def test_other_shell_commands_run_with_their_variables(runner: Runner) -> None:
    execution = runner.session(
        "word = 'ja'\n!echo {word} $word $$HOME && pip install a",
        "%%bash\npip install a\necho there",
        "def f():\n    inner = 'inside'\n    out = !echo {inner}\n    return out\nf()",
        "import subprocess\nprint(subprocess.check_output(['echo', 'pip'], text=True))",
    ).run()

    assert text_of(execution, 0).split() == ["ja", "ja", "/tmp/home"]
    assert text_of(execution, 1) == "there\n"
    assert text_of(execution, 2) == "['inside']"
    assert text_of(execution, 3) == "pip\n\n"


@pytest.mark.parametrize(
    "magics",
    [
        "%matplotlib widget",
        "%matplotlib notebook",
        "%matplotlib qt",
        "%matplotlib ipympl",
        "%load_ext no_such_extension",
        "%no_such_magic with words",
        "%tensorboard --logdir x",
        "%matplotlib widget\n%load_ext nothing\n%unknown",
    ],
)
def test_an_unknown_magic_or_backend_leaves_the_rest_of_its_cell(runner: Runner, magics: str) -> None:
    plot = f"{magics}\nimport matplotlib.pyplot as plt\nx = 5\nplt.plot([1, 3, 2]);"
    execution = runner.session(plot, "x").run()

    assert any("image/png" in output.get("data", {}) for output in execution.notebook["cells"][0]["outputs"])
    assert text_of(execution, 1) == "5"
    assert any(magics.splitlines()[0] in remark for remark in execution.remarks)


def test_an_unknown_cell_magic_is_skipped(runner: Runner) -> None:
    execution = runner.session("%%sql\nselect *", "%%javascript\nalert(1)").run()

    assert execution.failures == ()
    assert execution.remarks == ("Magic commands that are unknown here are skipped: `%%sql`.",)


@pytest.mark.parametrize(
    "statement",
    [
        "import no_such_library",
        "import no_such_library as nsl, math",
        "from no_such_library.part import something",
        "from math import no_such_function",
        "lines = open('missing.csv').read()",
        "import os\nos.chdir('/content/drive')",
        "import numpy as np\ntable = np.load('missing.npy')",
        "open('/content/out.txt', 'w')",
        "from urllib.request import urlopen\npage = urlopen('http://example.com')",
        "import socket\nsocket.create_connection(('127.0.0.1', 9))",
        "from transformers import AutoModel\nnet = AutoModel.from_pretrained('./no_such_model')",
        "with open('missing.csv') as file:\n    rows = file.read()",
        "import subprocess\nsubprocess.run(['no_such_program'])",
        "import torch\nstate = torch.load('missing.pt')",
    ],
)
def test_a_statement_that_cannot_run_here_leaves_the_rest_of_its_cell(runner: Runner, statement: str) -> None:
    execution = runner.session(f"{statement}\nimport math\ndef f(): return math.pi\n'shown'", "f()").run()

    (failure,) = execution.failures
    assert failure.index == 0
    assert "'shown'" in text_of(execution, 0)
    assert text_of(execution, 1) == "3.141592653589793"
    (remark,) = execution.remarks
    failed = statement.splitlines()[-1 if "with" not in statement else 0]
    assert remark.startswith(f"In [1]: `{failed}")
    assert "could not run here" in remark


@pytest.mark.parametrize(
    "statement",
    [
        "1 / 0",
        "raise ValueError('x')",
        "assert False",
        "{}['missing']",
        "undefined_name",
        "import sys; sys.exit()",
        "raise OSError('my own')",
        "open('/dev/full', 'w', buffering=1).write('x\\n')",
        "None.attribute",
    ],
)
def test_any_other_error_ends_its_cell(runner: Runner, statement: str) -> None:
    execution = runner.session(f"{statement}\nprint('never')", "print('on')").run()

    assert len(execution.failures) == 1
    assert "never\n" not in text_of(execution, 0).splitlines(keepends=True)
    assert text_of(execution, 1) == "on\n"
    assert execution.remarks == ()


def test_compound_statements_are_never_split(runner: Runner) -> None:
    execution = runner.session("if True:\n    import no_such_library\n    x = 1\ny = 2", "y", "x").run()

    assert text_of(execution, 1) == "2"
    assert [failure.index for failure in execution.failures] == [0, 2]


def test_a_name_error_is_told_as_a_consequence(runner: Runner) -> None:
    session = runner.session(
        "import no_such_library as nsl",
        "table = nsl.read('x')\nprint('on')",
        "print(table)\nz = 1",
        "def f(): return nsl.g()\ndef g(): return elsewhere",
    )
    execution = session.run()

    assert execution.remarks[1:] == (
        "In [2]: NameError: name 'nsl' is not defined, since `import no_such_library as nsl` could not run here.",
        "In [3]: NameError: name 'table' is not defined, since `import no_such_library as nsl` could not run here.",
    )
    assert text_of(execution, 1).endswith("on\n")
    with pytest.raises(StudentCodeError) as caught:
        session.call("f", seed=0)
    assert caught.value.message == (
        "name 'nsl' is not defined, since `import no_such_library as nsl` could not run here"
    )
    with pytest.raises(StudentCodeError) as caught:
        session.call("g", seed=0)
    assert caught.value.message == "name 'elsewhere' is not defined"


def test_a_name_that_was_bound_after_all_is_no_consequence(runner: Runner) -> None:
    execution = runner.session(
        "import no_such_library as nsl", "import math as nsl", "del nsl", "nsl\nprint('never')"
    ).run()

    assert [failure.index for failure in execution.failures] == [0, 3]
    assert "never\n" not in text_of(execution, 3).splitlines(keepends=True)


def test_locked_checks_stop_at_their_first_error(runner: Runner) -> None:
    fails = "import no_such_library"
    session = runner.session(f"{fails}\nprint('ne' + 'ver')", f"{fails}\nprint('on')")
    session._kernels.source.cells[0].metadata["nbgrader"] = {"grade": True, "locked": True, "solution": False}
    session._kernels.source.cells[1].metadata["nbgrader"] = {
        "grade": False,
        "locked": True,
        "solution": False,
    }
    execution = session.run()

    assert "never" not in text_of(execution, 0)
    assert text_of(execution, 1).endswith("on\n")


def test_outputs_are_those_of_jupyter(runner: Runner) -> None:
    execution = runner.session(
        "1\n2\n3", "_ + 1", "x = 4;", "5;", "%%time\nimport no_such_library\ny = 6\ny", "Out[1], In[1]"
    ).run()

    assert [text_of(execution, number) for number in (0, 1, 2, 3)] == ["3", "4", "", ""]
    assert text_of(execution, 4).endswith("6")
    assert text_of(execution, 5) == "(3, '1\\n2\\n3')"


def test_colab_and_kaggle_have_stand_ins(runner: Runner) -> None:
    execution = runner.session(
        "from google.colab import drive, files, userdata, output, auth\n"
        "drive.mount('/content/drive')\nauth.authenticate_user()\noutput.clear()\nfiles.download('x')\n"
        "files.upload(), userdata.get('TOKEN')",
        "import google.colab\ngoogle.colab.drive.flush_and_unmount()",
        "from google.colab.patches import cv2_imshow\ncv2_imshow(1)",
        "from kaggle_secrets import UserSecretsClient\nUserSecretsClient().get_secret('x')",
    ).run()

    assert execution.failures == ()
    assert text_of(execution, 0) == "({}, '')"
    assert text_of(execution, 3) == "''"
    assert execution.remarks == (
        "Modules that exist only elsewhere do nothing while your notebook is graded: "
        "`google.colab`, `kaggle_secrets`.",
    )


@pytest.mark.parametrize(
    "question",
    [
        "try:\n    import google.colab\n    colab = True\nexcept ImportError:\n    colab = False",
        "import sys\ncolab = 'google.colab' in sys.modules",
        "from importlib.util import find_spec\n"
        "try: colab = find_spec('google.colab') is not None\nexcept ImportError: colab = False",
        "colab = 'google.colab' in str(get_ipython())",
        "import os\ncolab = 'COLAB_GPU' in os.environ or os.path.exists('/content')",
    ],
)
def test_a_notebook_that_asks_for_colab_is_told_no(runner: Runner, question: str) -> None:
    execution = runner.session(question, "colab").run()

    assert text_of(execution, 1) == "False"
    assert execution.remarks == ()


def test_prompts_get_an_empty_line_in_cells_and_calls(runner: Runner) -> None:
    session = runner.session(
        "name = input('Your name: ')\nfrom getpass import getpass\nname, getpass('Password: ')",
        "import getpass as module\ndef f(): return [input(), module.getpass('?')]",
    )
    execution = session.run()

    assert text_of(execution, 0) == "('', '')"
    assert session.call("f", seed=0) == ["", ""]
    assert execution.remarks == (
        "Nobody answers a prompt while your notebook is graded: input() returned an empty line.",
    )


@pytest.mark.parametrize("leave", ["exit()", "quit()", "exit", "quit", "exit(0)", "def f(): exit()\nf()"])
def test_exit_and_quit_end_nothing(runner: Runner, leave: str) -> None:
    session = runner.session(f"def one(): return 1\n{leave}\nprint('still')", leave)
    execution = session.run()

    assert execution.failures == ()
    assert text_of(execution, 0) == "still\n"
    assert session.call("one", seed=0) == 1
    assert execution.remarks == ("exit() and quit() end nothing while your notebook is graded.",)


@pytest.mark.parametrize(
    "cell",
    [
        "import asyncio\nawait asyncio.sleep(0.01)\n'waited'",
        "import asyncio\nasync def wait(): return 'waited'\nawait wait()",
        "import asyncio\nfrom asyncio import sleep\n"
        "parts = await asyncio.gather(sleep(0, 'wai'), sleep(0, 'ted'))\n''.join(parts)",
        "async def numbers():\n    yield 'waited'\nfound = [n async for n in numbers()]\nfound[0]",
        "import asyncio\nasync with asyncio.Lock():\n    x = 'waited'\nx",
        "import no_such_library\nimport asyncio\nawait asyncio.sleep(0, 'waited')",
    ],
)
def test_top_level_await_works(runner: Runner, cell: str) -> None:
    execution = runner.session(cell, "print('on')").run()

    assert text_of(execution, 0).endswith("'waited'")
    assert text_of(execution, 1) == "on\n"


def test_an_error_of_an_awaiting_cell_is_told(runner: Runner) -> None:
    execution = runner.session("import asyncio\nawait asyncio.sleep(0)\n1 / 0\nprint('never')").run()

    assert [failure.message for failure in execution.failures] == ["ZeroDivisionError: division by zero"]


def test_a_coroutine_is_awaited(runner: Runner) -> None:
    session = runner.running(
        "import asyncio\nasync def f(x):\n    await asyncio.sleep(0.01)\n    return x + 1",
        "async def g(x): return sum(await asyncio.gather(f(x), f(x)))",
        "async def fails(): raise KeyError('x')",
        "async def hangs(): await asyncio.sleep(60)",
        "async def spins():\n    while True: pass",
        "await f(1)",
    )

    assert session.call("f", (1,), seed=0) == 2
    assert session.call("g", (1,), seed=0) == 4
    with pytest.raises(StudentCodeError, match="KeyError"):
        session.call("fails", seed=0)
    for name in ("hangs", "spins"):
        with pytest.raises(Exception, match="did not return within"):
            session.call(name, seed=0, timeout_s=0.5)
    assert session.call("f", (2,), seed=0) == 3


@pytest.mark.parametrize(
    "body",
    [
        "sys.stdout.writelines(['a', 'b'])",
        "logging.basicConfig(stream=sys.stdout, level=logging.INFO, force=True); logging.info('x')",
        "logging.getLogger('a').addHandler(logging.StreamHandler()); logging.getLogger('a').warning('x')",
        "sys.stdout.buffer.write(b'x'); sys.stderr.fileno()",
        "print('x', file=sys.stderr, flush=True); sys.stdout.isatty(); sys.stdout.errors; sys.stdout.newlines",
        "contextlib.redirect_stdout(sys.stderr).__enter__(); print('x')",
        "sys.stdout.write('\\ud800'); sys.stdout.line_buffering; sys.stdout.writable()",
        "sys.stdout.reconfigure(line_buffering=True); print('ä')",
        "subprocess.run(['echo', 'x'], stdout=sys.stdout, check=True)",
        "get_ipython().system('echo x')",
        "print('x'); sys.stdout.close()",
    ],
)
def test_printing_in_a_call_works_and_shows_nothing(runner: Runner, body: str) -> None:
    imports = "import sys, logging, contextlib, subprocess"
    session = runner.session(
        imports, f"def f():\n    {body}\n    return 1", "def g():\n    print(2)\n    return 2"
    )
    session.run()

    assert session.call("f", seed=0) == 1
    assert session.call("f", seed=0) == 1
    assert session.call("g", seed=0) == 2


def test_notes_of_calls_are_not_told(runner: Runner) -> None:
    session = runner.session("import os\ndef f(x): os.system('pip install ' + x)")
    execution = session.run()
    session.call("f", ("hidden",), seed=0)

    assert execution.remarks == ()
    assert session._notes.remarks() == []


def test_missing_modules_are_told_as_data(runner: Runner) -> None:
    execution = runner.session(
        "import shap.plots as plots\nfrom no_such_package.part import f\nimport torch.no_such_part",
        "import shap",
        "try:\n    import no_such_other\nexcept ImportError:\n    pass",
        "from google.colab import drive\nopen('missing.txt')",
    ).run()

    assert execution.missing_modules == ("shap", "no_such_package")


def test_an_import_that_follows_a_skipped_install_names_it(runner: Runner) -> None:
    execution = runner.session(
        "!pip install -q 'shap==0.44' lime\n!pip install git+https://github.com/a/no-such-package.git@main",
        "import shap\nimport no_such_package\nimport other_package",
    ).run()

    assert execution.remarks[1:] == (
        "In [2]: `import shap` could not run here (ModuleNotFoundError: No module named 'shap'), since "
        "`pip install -q 'shap==0.44' lime` was skipped; the statements after it were run.",
        "In [2]: `import no_such_package` could not run here (ModuleNotFoundError: No module named "
        "'no_such_package'), since `pip install git+https://github.com/a/no-such-package.git@main` was skipped; "
        "the statements after it were run.",
        "In [2]: `import other_package` could not run here (ModuleNotFoundError: No module named "
        "'other_package'); the statements after it were run.",
    )


def test_the_libraries_of_such_notebooks_are_there(runner: Runner) -> None:
    execution = runner.session(
        "import pandas as pd, seaborn as sns, einops, tqdm\nfrom tqdm.auto import trange",
        "import scipy.stats\nfrom sklearn.decomposition import PCA",
        "import plotly.express as px, plotly.graph_objects as go\nimport ipywidgets as widgets",
        "frame = pd.DataFrame({'a': [1, 2]})\nprint(frame.a.sum(), einops.rearrange(frame.values, 'a b -> b a').shape)",
        "print(PCA(1).fit_transform([[0.0, 1.0], [1.0, 0.0]]).shape, list(trange(2)))",
    ).run()

    assert execution.failures == ()
    assert execution.missing_modules == ()
    assert text_of(execution, 3) == "3 (1, 2)\n"
    assert text_of(execution, 4) == "(2, 1) [0, 1]\n"


def test_plots_of_any_kind_come_out_of_the_box(runner: Runner) -> None:
    execution = runner.session(
        "import matplotlib.pyplot as plt\nfrom IPython.display import Image, SVG\n%matplotlib notebook\n"
        "plt.plot([1, 2])\nplt.savefig('a.png')\nplt.savefig('b.jpg')\nplt.savefig('c.svg')\nplt.show()",
        "Image('a.png')",
        "Image(filename='b.jpg')",
        "SVG('c.svg')",
        "import plotly.express as px\npx.bar(x=['a', 'b'], y=[1, -2]).show()",
        "import ipywidgets as widgets\nwidgets.interact(lambda x: plt.plot([x]) and plt.show(), x=(0, 5))",
    ).run()

    kinds = [
        [kind for out in cell["outputs"] for kind in out["data"]] for cell in execution.notebook["cells"]
    ]
    assert execution.failures == ()
    assert execution.remarks == (
        "Plots are shown as with %matplotlib inline while your notebook is graded: `%matplotlib notebook` "
        "was replaced.",
    )
    assert "image/png" in kinds[0] and "image/png" in kinds[1]
    assert "image/jpeg" in kinds[2]
    assert "image/svg+xml" in kinds[3]
    assert kinds[4] == ["application/vnd.plotly.v1+json"]
    assert "image/png" in kinds[5] and "application/vnd.jupyter.widget-view+json" in kinds[5]
