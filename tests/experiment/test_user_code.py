"""A user's code is all in the identity: real modules, asked in fresh processes."""

import compileall
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from pgstudy.experiment.provenance import user_code
from pgstudy.experiment.system.errors import ConfigError
from pgstudy.learning.specification import EnvironmentSpecification
from tests import warm
from tests.learning.helpers import specification

ENVIRONMENT = '''
import gymnasium
import numpy as np
from gymnasium import spaces


class Maze(gymnasium.Env):
    """Pays what its walls say, and ends after three steps."""

    observation_space = spaces.Discrete(1)
    action_space = spaces.Discrete(2)

    def reset(self, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        return 0, {}

    def step(self, action):
        self.steps += 1
        return 0, float(self.pay(action)), self.steps == 3, False, {}
'''
FILES = {
    "regs.py": (
        "import gymnasium\nprint('{\"a\": 1}')\ngymnasium.register("
        "'toy/Maze-v0', entry_point='mazes.core:Helped', max_episode_steps=9)\n"
    ),
    "mazes/__init__.py": "",
    "mazes/core.py": (
        f"{ENVIRONMENT}\nimport json\nimport pathlib\nimport tools\n"
        "from mazes import helper\n"
        "WALLS = json.loads(pathlib.Path(__file__).with_name('walls.json').read_text())"
        "\n\nclass Helped(Maze):\n    def pay(self, action):\n"
        "        return tools.ONE + helper.TWO * WALLS['pay']\n"
    ),
    "mazes/helper.py": "TWO = 2\n",
    "mazes/walls.json": '{"pay": 1}',
    "mazes/parts/unused.txt": "of the package all the same",
    "tools.py": "ONE = 1\n",
    "floor.py": (
        f"{ENVIRONMENT}\nclass Floor(Maze):\n    def pay(self, action):\n"
        "        return float(open('data/tiles.txt').read())\n"
        "gymnasium.register('toy/Floor-v0', Floor, max_episode_steps=9)\n"
    ),
    "data/tiles.txt": "1",
    "data/more.txt": "never read",
    "notes.py": "",
}
STUDY = {
    "study": "mazes",
    "register": "regs",
    "seeds": 2,
    "seeds_per_job": 2,
    "sample_counts": [1, 2, 4],
    "bins": 5,
    "defaults": {
        "updates": 3,
        "evaluation_episodes": 0,
        "optimizer": {"learning_rate": 0.1},
    },
    "environments": [{"id": "toy/Maze-v0"}],
    "estimators": [{"name": "total-return"}],
}
BOTH = STUDY | {
    "register": ["regs", "floor"],
    "environments": [{"id": "toy/Maze-v0"}, {"id": "toy/Floor-v0"}],
}
KEYS = (
    "import json, sys; from pgstudy.experiment.config.loading import load_study; "
    "study = load_study(json.loads(sys.argv[1])); "
    "print(json.dumps({c.environment: c.key(0) for c in study.cells if c.n == 1}))"
)


@pytest.fixture
def project(tmp_path):
    """A folder of two environments, one in a package and one in a single module."""
    return written(tmp_path / "project")


def written(folder):
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def python(folder, *arguments):
    return subprocess.run(
        [sys.executable, "-P", *arguments], cwd=folder, capture_output=True, text=True
    )


def keys(folder, study=STUDY):
    """The key of seed 0 of each environment, as a process in that folder sees it."""
    done = python(folder, "-c", KEYS, json.dumps(study))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def pgstudy(folder, *arguments):
    return warm.pgstudy(*arguments, folder=folder)


def test_every_file_that_makes_the_numbers_is_in_the_key(project):
    """What registers it, its package with all data, and what that imports beside it."""
    found = [keys(project)["toy/Maze-v0"]]
    for name in (
        "regs.py",
        "mazes/core.py",
        "mazes/helper.py",
        "mazes/walls.json",
        "tools.py",
        "mazes/parts/unused.txt",
    ):
        (project / name).write_text(FILES[name] + "\n")
        found.append(keys(project)["toy/Maze-v0"])
    assert len(set(found)) == 7


def test_what_does_not_make_the_numbers_is_not_in_the_key(project):
    """Files beside it, caches, what an editor leaves, another environment's code."""
    alone = keys(project)["toy/Maze-v0"]
    before = keys(project, BOTH)
    assert before["toy/Maze-v0"] == alone
    (project / "notes.py").write_text("1")
    (project / "data/more.txt").write_text("changed")
    (project / "mazes/.core.py.swp").write_text("")
    (project / "mazes/__pycache__").mkdir(exist_ok=True)
    (project / "mazes/__pycache__/more.pyc").write_text("")
    (project / "results").mkdir()
    (project / "results/mazes.csv").write_text("1")
    assert keys(project, BOTH) == before
    (project / "floor.py").write_text(FILES["floor.py"] + "\n")
    after = keys(project, BOTH)
    assert after["toy/Maze-v0"] == alone
    assert after["toy/Floor-v0"] != before["toy/Floor-v0"]


def test_a_file_that_a_single_module_reads_is_in_the_key(project):
    """Here at its first step; the folder's other files are not its data."""
    before = keys(project, BOTH)
    (project / "data/tiles.txt").write_text("2")
    after = keys(project, BOTH)
    assert after["toy/Maze-v0"] == before["toy/Maze-v0"]
    assert after["toy/Floor-v0"] != before["toy/Floor-v0"]


def test_another_clone_has_the_same_keys(project, tmp_path):
    """Whatever its folder is called, and whatever was compiled there."""
    other = written(tmp_path / "deep/er")
    compileall.compile_dir(other, quiet=True)
    assert keys(other, BOTH) == keys(project, BOTH)


def test_planning_training_and_verifying_see_one_key(project):
    """A job's runs are complete where the plan looks for them, and say their code."""
    study = BOTH | {"sample_counts": [1]}
    plan = pgstudy(project, "plan", json.dumps(study))
    assert plan.returncode == 0, plan.stderr
    blocks = (
        "import json, sys; from pgstudy.experiment.config.loading import load_study; "
        "study = load_study(json.loads(sys.argv[1])); "
        "print(json.dumps([b.to_json() for b in study.blocks()]))"
    )
    done = python(project, "-c", blocks, json.dumps(study))
    for block in json.loads(done.stdout.splitlines()[-1]):
        trained = pgstudy(project, "train", block)
        assert trained.returncode == 0, trained.stderr
    found = pgstudy(project, "doctor", "results/mazes/study.json")
    assert "4 of 4 runs are here, current and sound" in found.stdout, found.stderr
    records = [json.loads(f.read_text()) for f in project.rglob("run.json")]
    codes = {(r["environment"], r["made_of"]["code"]) for r in records}
    assert len(codes) == 2
    (project / "mazes/walls.json").write_text('{"pay": 2}')
    found = pgstudy(project, "doctor", "results/mazes/study.json")
    assert "2 of 4 runs are here, current and sound" in found.stdout


def test_check_lists_the_files(project):
    """By the names that the digest has."""
    (project / "study.yaml").write_text(yaml.safe_dump(BOTH))
    done = pgstudy(project, "check", "study.yaml")
    assert done.returncode == 0, done.stderr
    lines = [ln for ln in done.stdout.splitlines() if ln.startswith("your code")]
    named = {line.partition(": ")[2] for line in lines}
    assert named == FILES.keys() - {"notes.py", "data/more.txt"}


def test_an_environment_is_asked_once_per_process(project):
    """Not once per cell: three cells, two seeds, one look."""
    (project / "regs.py").write_text(FILES["regs.py"] + "open('log', 'a').write('.')\n")
    code = (
        f"{KEYS}; [c.key(s) for c in study.cells for s in range(9)]; "
        "list(study.blocks())"
    )
    assert python(project, "-c", code, json.dumps(STUDY)).returncode == 0
    assert (project / "log").read_text() == ".."  # this process, and the one that asks


def test_environments_of_installed_packages_cost_nothing(project):
    """No process is started for Gymnasium's own, or for the corridor."""
    study = STUDY | {
        "environments": [{"id": "CartPole-v1"}, {"id": "ShortCorridor-v0"}]
    }
    del study["register"]
    hook = (
        "import os, sys; sys.addaudithook(lambda event, _: "
        "os._exit(9) if event in ('subprocess.Popen', 'os.fork') else None); "
    )
    done = python(project, "-c", hook + KEYS, json.dumps(study))
    assert done.returncode == 0
    registered = python(project, "-c", hook + KEYS, json.dumps(STUDY))
    assert registered.returncode == 9  # the hook can tell


def asked(folder, monkeypatch, name, code):
    """The code of an environment in a module of its own, from this process."""
    folder.mkdir(exist_ok=True)
    head = "import os, sys, time\n" + ENVIRONMENT
    tail = f"gymnasium.register('toy/{name}-v0', '{name}:Odd', max_episode_steps=9)\n"
    (folder / f"{name}.py").write_text(f"{head}\nclass Odd(Maze):\n    {code}\n{tail}")
    monkeypatch.chdir(folder)
    made = EnvironmentSpecification(f"toy/{name}-v0", {}, 9, module=name)
    return user_code.of(specification(environment=made))


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("raising", "def __init__(self): 1 / 0", "division by zero"),
        ("leaving", "def __init__(self): sys.exit('bye')", "bye"),
        ("ending", "def __init__(self): os._exit(3)", "exit code 3"),
        ("killed", "def __init__(self): os.kill(os.getpid(), 11)", "signal 11"),
        ("hanging", "def step(self, action): time.sleep(99)", "over 4 s"),
        ("absent", "def __init__(self): import no_such", "no_such"),
        (
            "writing",
            "open(__file__ + '.txt', 'w').write('1') ; open(__file__, 'a')",
            "writes writing.py into its own code",
        ),
    ],
)
def test_what_an_environment_does_wrong_is_a_message(
    tmp_path, monkeypatch, name, code, words
):
    """It happens in another process, and is told here."""
    monkeypatch.setattr(user_code, "SECONDS", 4.0)
    with pytest.raises(ConfigError, match=words) as error:
        asked(tmp_path, monkeypatch, name, code)
    assert f"toy/{name}-v0 can't be used" in str(error.value)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("raises_later", "def step(self, action): 1 / 0"),
        ("ends_later", "def step(self, action): os._exit(3)"),
        ("loud", "print('{}' * 1000000, flush=True)\n    pay = lambda self, a: 1"),
    ],
)
def test_what_fails_at_its_first_step_is_told_by_its_runs(
    tmp_path, monkeypatch, name, code
):
    """Its code is known by then; so is that of one that prints."""
    found = asked(tmp_path, monkeypatch, name, code)
    assert [file for file, _ in found.files] == [f"{name}.py"]


def test_processes_that_an_environment_leaves_behind_are_ended(tmp_path, monkeypatch):
    """Nothing waits for them, and none is left."""
    mark = tmp_path / "mark"
    code = (
        "def __init__(self):\n        import subprocess\n"
        "        child = subprocess.Popen(['sleep', '600'])\n"
        f"        open({str(mark)!r}, 'w').write(str(child.pid))\n"
    )
    asked(tmp_path, monkeypatch, "parent", code)
    left = Path(f"/proc/{mark.read_text()}/stat")
    deadline = time.monotonic() + 10
    while left.exists() and left.read_text().split()[2] != "Z":
        assert time.monotonic() < deadline


def test_a_package_that_holds_everything_is_refused(tmp_path, monkeypatch):
    """A home folder as a package would be hashed at every call."""
    crowd = tmp_path / "crowd"
    crowd.mkdir()
    for index in range(2001):
        (crowd / f"{index}.txt").touch()
    code = "import crowd\n    def pay(self, action): return 1"
    with pytest.raises(ConfigError, match=r"package crowd holds more than 2,000 files"):
        asked(tmp_path, monkeypatch, "crowded", code)


def test_files_of_the_system_are_not_a_users_code(tmp_path, monkeypatch):
    """But a data file far away is, by its name alone."""
    far = tmp_path / "far/walls.npy"
    far.parent.mkdir()
    far.write_text("1")
    monkeypatch.setenv("TMPDIR", "/var/tmp")
    monkeypatch.setattr("tempfile.tempdir", None)
    code = (
        f"open('/etc/passwd').read(); open({str(far)!r}).read(); "
        "open('/proc/self/stat').read()\n    def pay(self, action): return 1"
    )
    found = asked(tmp_path / "code", monkeypatch, "reading", code)
    assert [name for name, _ in found.files] == ["reading.py", "walls.npy"]
    assert found.outside == ("walls.npy",)
