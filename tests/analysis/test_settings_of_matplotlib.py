"""Figures are the same bytes whatever settings of matplotlib a user has."""

import os
import subprocess
import sys
from hashlib import sha256

import pytest

from pgstudy.experiment.config.loading import load_study
from pgstudy.experiment.store.runs import Store
from pgstudy.experiment.study.study_file import Plan, write_plan
from pgstudy.experiment.training import block as training
from tests.conftest import SMALL

OTHER_LOOKS = """
text.usetex: True
font.family: serif
font.size: 22
axes.prop_cycle: cycler("color", ["k"])
axes.grid: True
axes.formatter.use_locale: True
figure.dpi: 31
savefig.dpi: 37
savefig.bbox: tight
savefig.facecolor: red
svg.hashsalt: mine
svg.fonttype: none
pdf.fonttype: 3
pdf.compression: 0
path.sketch: 1, 100, 2
image.cmap: hot
lines.linestyle: --
legend.loc: center
backend: TkAgg
"""
INVALID = "axes.labelsize: enormous\nno.such.key: 1\nbackend: nonsense\nfont.size\n"
CODE = """
from pathlib import Path
from pgstudy.analysis import steps
from pgstudy.cli.common import opened
folder = opened(Path({!r}))
for step in {}:
    steps.make(step, folder)
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """The study file of two small cells, with its tables."""
    folder = tmp_path_factory.mktemp("project") / "results" / "small"
    study = load_study(SMALL | {"seeds": 2})
    for block in study.blocks():
        training.train_block(Store(folder.parent), block)
    folder.mkdir()
    write_plan(folder / "study.json", Plan(study))
    make(folder / "study.json", ["tables"], folder, {})
    return folder / "study.json"


def make(file, steps, folder, variables):
    result = subprocess.run(
        [sys.executable, "-c", CODE.format(str(file), steps)],
        cwd=folder,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr


def digests(file, folder, **variables):
    """Figures and paper set, drawn with the call's folder and these variables."""
    make(file, ["figures", "paper"], folder, variables)
    pictures = [*file.parent.glob("figures/*"), *file.parent.glob("paper/*")]
    assert len(pictures) > 20
    found = {p.name: sha256(p.read_bytes()).hexdigest() for p in pictures}
    for picture in pictures:
        picture.unlink()
    return found


@pytest.fixture(scope="module")
def plain(file, tmp_path_factory):
    return digests(file, tmp_path_factory.mktemp("plain"))


def in_working_folder(folder):
    (folder / "matplotlibrc").write_text(OTHER_LOOKS)
    return {}


def damaged_in_working_folder(folder):
    (folder / "matplotlibrc").write_bytes(b"font.family: \xff\xfe\x00")
    return {"MPLBACKEND": "nonsense"}


def invalid_values(folder):
    (folder / "mine").write_text(INVALID)
    return {"MATPLOTLIBRC": str(folder / "mine"), "MPLBACKEND": "TkAgg"}


def own_styles_and_home(folder):
    """Settings and a damaged style of a user's own, where matplotlib looks."""
    styles = folder / "matplotlib" / "stylelib"
    styles.mkdir(parents=True)
    (folder / "matplotlib" / "matplotlibrc").write_bytes(b"\xff")
    (styles / "mine.mplstyle").write_bytes(b"\xff")
    return {"XDG_CONFIG_HOME": str(folder), "MATPLOTLIBRC": "/no/such/file"}


def no_folder_to_write_to(folder):
    (folder / "file").write_text("")
    return {"MPLCONFIGDIR": str(folder / "file" / "beneath")}


@pytest.mark.parametrize(
    "hostile",
    [
        in_working_folder,
        damaged_in_working_folder,
        invalid_values,
        own_styles_and_home,
        no_folder_to_write_to,
    ],
)
def test_settings_of_a_user_change_no_byte(hostile, file, plain, tmp_path):
    """Nor does a damaged file of them end in a traceback."""
    assert digests(file, tmp_path, **hostile(tmp_path)) == plain


def test_what_somebody_set_before_is_undone(tmp_path):
    """Also in a process that has imported and set matplotlib and seaborn already."""
    before = (
        "matplotlib.rcParams['font.size'] = 33; seaborn.set_theme('poster', 'dark')"
    )
    code = (
        "import matplotlib, seaborn; {}; from pgstudy.analysis.figures import style; "
        "style.use(); print(sorted(matplotlib.rcParams.items()))"
    )
    texts = [
        subprocess.check_output([sys.executable, "-c", code.format(what)], cwd=tmp_path)
        for what in (before, "pass")
    ]
    assert texts[0] == texts[1]
