"""Damaged and hostile capsules: each is one message and exit code 1, and runs nothing.

Every case is a real file that was made from a real capsule, checked by the command.
"""

import hashlib
import io
import json
import os
import stat
import struct
import subprocess
import sys
import time
import zipfile

import pandas as pd
import pytest

from pgstudy.analysis import steps
from pgstudy.analysis.reproduce import capsule, capsule_check
from pgstudy.analysis.reproduce.unpacking import CHECKSUMS, DamagedCapsule
from pgstudy.experiment.config.loading import load_study
from pgstudy.experiment.store.runs import Store
from pgstudy.experiment.store.study_folder import StudyFolder
from pgstudy.experiment.study.study_file import Plan, write_plan
from pgstudy.experiment.system.files import canonical_json
from pgstudy.experiment.training import block as training
from tests.warm import pgstudy

CONFIG = {
    "study": "small",
    "seeds": 1,
    "seeds_per_job": 1,
    "sample_counts": [2],
    "bins": 5,
    "defaults": {"updates": 5, "optimizer": {"learning_rate": 1e-3}},
    "environments": [{"id": "ShortCorridor-v0"}],
    "estimators": [{"name": "total-return"}],
}
STUDY = "results/small/study.json"
TABLE = "results/small/tables/runs.csv"


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """The files of a sound capsule of one run, by name."""
    results = tmp_path_factory.mktemp("small") / "results"
    study, store = load_study(CONFIG), Store(results)
    for block in study.blocks():
        training.train_block(store, block)
    folder = results / "small"
    write_plan(folder / "study.json", Plan(study))
    made = StudyFolder(store, study, folder)
    steps.make("tables", made)
    archive = zipfile.ZipFile(capsule.pack(made))
    names = [n for n in archive.namelist() if not n.endswith("/")]
    # the code is not looked at, and makes the cases large
    kept = {n: archive.read(n) for n in names if not n.startswith("code/")}
    return kept | {CHECKSUMS: manifest(kept)}


def zipped(files):
    """Files, or (ZipInfo, content), as the bytes of a zip file."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items() if isinstance(files, dict) else files:
            archive.writestr(name, content)
    return made.getvalue()


def sealed(files):
    """The same with a manifest that fits, as someone who means harm would make it."""
    return zipped(files | {CHECKSUMS: manifest(files)})


def manifest(files):
    rest = {k: v for k, v in files.items() if k != CHECKSUMS}
    lines = [f"{hashlib.sha256(v).hexdigest()}  {k}" for k, v in rest.items()]
    return ("\n".join(lines) + "\n").encode()


def of_run(files, ending="run.json"):
    (name,) = [name for name in files if name.endswith(ending)]
    return name


def cut(share):
    return lambda files: (data := zipped(files))[: int(len(data) * share)]


def flipped(share):
    """One bit of the packed content of the largest files."""

    def case(files):
        data = bytearray(zipped(dict(sorted(files.items(), key=lambda f: -len(f[1])))))
        data[int(len(data) * share)] ^= 16
        return bytes(data)

    return case


def added(name, content=b"", **facts):
    """With one more entry, whose facts in the zip file are as given."""

    def case(files):
        entry = zipfile.ZipInfo(name)
        for key, value in facts.items():
            setattr(entry, key, value)
        return zipped([*files.items(), (entry, content)])

    return case


def mode(kind):
    return {"external_attr": (kind | 0o644) << 16, "create_system": 3}


def patched(offset, form, value):
    """With a field of the first entry overwritten in the zip's directory."""

    def case(files):
        data = bytearray(zipped(files))
        start = data.index(b"PK\x01\x02")
        struct.pack_into(form, data, start + offset, value)
        return bytes(data)

    return case


def replaced(name, content):
    """With a file of another content (None: without it), and checksums that fit."""

    def case(files):
        place = of_run(files, name)
        rest = {k: v for k, v in files.items() if k != place}
        return sealed(rest if content is None else rest | {place: content})

    return case


def edited(name, change):
    """With a JSON file changed, its own digest included, and checksums that fit."""

    def case(files):
        place = of_run(files, name)
        data = json.loads(files[place])
        data = change(data) or data
        if name == "run.json":
            rest = {k: v for k, v in data.items() if k != "sha256"}
            digest = hashlib.sha256(canonical_json(rest).encode()).hexdigest()
            data = rest | {"sha256": digest}
        return sealed(files | {place: json.dumps(data).encode()})

    return case


def config(**values):
    return edited("study.json", lambda data: data["study"]["config"].update(values))


def study(**values):
    """With other values in the resolved study."""
    return edited("study.json", lambda data: data["study"].update(values))


def without(key):
    """With a part of the resolved study left out."""
    return edited("study.json", lambda data: data["study"].pop(key) and None)


def cell(change):
    """With its first cell changed."""
    return edited("study.json", lambda data: change(data["study"]["cells"][0]) and None)


def with_table(name, change):
    """With a table of the run changed, and every digest made to fit."""

    def case(files):
        place = of_run(files, name)
        made = io.BytesIO()
        change(pd.read_parquet(io.BytesIO(files[place]))).to_parquet(made)
        return with_file(name, made.getvalue())(files)

    return case


def with_file(name, content):
    """With a file of the run replaced, and every digest made to fit."""

    def case(files):
        digest = hashlib.sha256(content).hexdigest()
        change = edited("run.json", lambda d: d["files"].update({name: digest}))
        return change(files | {of_run(files, name): content})

    return case


DEEP = b"[" * 100_000 + b"]" * 100_000
BOMB = b"\0" * (300 << 20)
CASES = {
    # no zip file, or not all of one
    "empty": lambda files: b"",
    "text": lambda files: b"a capsule\n" * 1000,
    **{f"cut at {share}": cut(share) for share in (0.1, 0.5, 0.9, 0.99, 0.9999)},
    **{f"flipped at {share}": flipped(share) for share in (0.1, 0.2, 0.3, 0.4, 0.5)},
    "no entries": lambda files: zipped({}),
    "doubled": lambda files: zipped(files) + b"PK\x05\x06" + b"\xff" * 18,
    # too much
    "bomb": added("zeros", BOMB),
    "bomb of two": lambda files: zipped(files | {"a": BOMB, "b": BOMB}),
    "huge by its own word": patched(24, "<I", 0xFFFFFFF0),
    "small by its own word": patched(24, "<I", 1),
    "empty by its own word": patched(24, "<I", 0),
    "many files": lambda files: zipped({f"{i}": b"" for i in range(100_001)}),
    # entries that are no plain files
    "absolute": added("/tmp/pgstudy-was-here"),
    "upwards": added("../pgstudy-was-here"),
    "upwards inside": added("results/../../pgstudy-was-here"),
    "of Windows": added("C:\\pgstudy-was-here"),
    "backwards": added("results\\small\\more"),
    "twice": lambda files: zipped([*files.items(), (STUDY, files[STUDY])]),
    "twice by another spelling": added("results/./small/study.json"),
    "file as folder": added(f"{STUDY}/more"),
    "folder as file": added("results/small"),
    "no name": added("/"),
    "long name": added("n" * 5000),
    "name of control characters": added("results/\x1b[2Jsmall"),
    "link": added("results/link", b"/etc/passwd", **mode(stat.S_IFLNK)),
    "link to a folder": added("results/link", b"/", **mode(stat.S_IFLNK)),
    "device": added("results/device", **mode(stat.S_IFCHR)),
    "pipe": added("results/pipe", **mode(stat.S_IFIFO)),
    "encrypted": patched(8, "<H", 1),
    "an unknown method": patched(10, "<H", 99),
    "bzip2": patched(10, "<H", 12),
    # the manifest
    "no manifest": lambda f: zipped({k: v for k, v in f.items() if k != CHECKSUMS}),
    "empty manifest": lambda files: zipped(files | {CHECKSUMS: b""}),
    "manifest not UTF-8": lambda files: zipped(files | {CHECKSUMS: b"\xff\xfe\0"}),
    "manifest of words": lambda files: zipped(files | {CHECKSUMS: b"all is well\n"}),
    "manifest upwards": lambda files: zipped(
        files | {CHECKSUMS: files[CHECKSUMS] + b"0  ../../../etc/passwd\n"}
    ),
    "changed": lambda files: zipped(files | {STUDY: files[STUDY] + b" "}),
    # study.json
    "no study": replaced("study.json", None),
    "two studies": lambda f: sealed(f | {"results/more/study.json": f[STUDY]}),
    "another study": config(study="more"),
    "study not UTF-8": replaced("study.json", b"\xff\xff"),
    "study not JSON": replaced("study.json", b"{"),
    "study deep": replaced("study.json", DEEP),
    "study a list": replaced("study.json", b"[]"),
    "study without config": without("config"),
    "config a list": study(config=[1]),
    "config of NaN": config(bins=float("nan")),
    "config with other keys": config(a=1),
    "seeds as text": config(seeds="all"),
    "seeds without end": config(seeds=10**5),
    "study with other keys": study(a=1),
    "plan with other keys": edited("study.json", lambda d: d.update(a=1)),
    "study of a config alone": edited(
        "study.json", lambda d: {"config": d["study"]["config"], "published": {}}
    ),
    "other seeds than its config": study(seeds=[1]),
    "seeds of the study as text": study(seeds=["0"]),
    "seeds of the study without end": study(seeds=list(range(10**5))),
    "bins as text": study(bins="5"),
    "other bins": study(bins=7),
    "chosen as text": edited("study.json", lambda d: d.update(chosen="all")),
    "nothing chosen": edited("study.json", lambda d: d.update(chosen=[])),
    "no cells": without("cells"),
    "cells empty": study(cells=[]),
    "cells as text": study(cells="all"),
    "cells deep": replaced("study.json", b'{"study": {"cells": ' + DEEP + b"}}"),
    "cells of another environment": cell(lambda c: c.update(environment="../..")),
    "cells of other code": cell(lambda c: c["identity"]["numeric"].update(torch="9")),
    "cells of versions of text": cell(lambda c: c["identity"].update(numeric="9")),
    "cells without N": cell(lambda c: c["specification"].pop("n")),
    "cells of another N": cell(lambda c: c["specification"].update(n=4)),
    "cells of an N of text": cell(lambda c: c["specification"].update(n="2")),
    "cells with a budget of text": cell(
        lambda c: c["specification"]["budget"].update(amount="x")
    ),
    # runs and tables
    "run not JSON": replaced("run.json", b"\0"),
    "run deep": replaced("run.json", DEEP),
    "run of NaN": replaced("run.json", b'{"sha256": "0", "seconds": NaN}'),
    "run a list": replaced("run.json", b"[]"),
    "run without facts": edited("run.json", lambda d: d.pop("made_by") and None),
    "run of text": edited("run.json", lambda d: d.update(started="yesterday")),
    "run started at the end": edited("run.json", lambda d: d.update(started=1e300)),
    "run with files of text": edited("run.json", lambda d: d.update(files="none")),
    "run with a status of text": edited("run.json", lambda d: d.update(status=[])),
    "evaluation of text": edited(
        "run.json", lambda d: d["evaluation"].update(final=["high"])
    ),
    "updates of text": with_file("updates.parquet", b"PAR1 no table PAR1"),
    "updates empty": with_file("updates.parquet", b""),
    "updates without rows": with_table("updates.parquet", lambda t: t.head(0)),
    "updates without columns": with_table("updates.parquet", lambda t: t[["update"]]),
    "updates of words": with_table("updates.parquet", lambda t: t.astype(str) + "x"),
    "better returns": with_table(
        "updates.parquet", lambda t: t.assign(mean_return=t["mean_return"] + 100)
    ),
    "no table": replaced("tables/runs.csv", None),
    "table not UTF-8": replaced("tables/runs.csv", b"\xff\xfe,\n"),
    "table empty": replaced("tables/runs.csv", b""),
    "table of one line": replaced("tables/runs.csv", b'"' * 10_000),
}


def checked(file, folder):
    """What the command says of a file, in an empty folder."""
    folder.mkdir(exist_ok=True)
    return pgstudy("capsule", "check", file, folder=folder)


def checked_by_itself(file, folder):
    """The same in a process with imports of its own."""
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "-P", "-m", "pgstudy", "capsule", "check", str(file)]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=120
    )


def test_the_small_capsule_itself_is_sound(sound, tmp_path):
    """Also as the cases pack it; so what follows is found for its own sake."""
    for data in (zipped(sound), sealed(sound)):
        (tmp_path / "sound.zip").write_bytes(data)
        done = checked_by_itself(tmp_path / "sound.zip", tmp_path / "empty")
        assert "its runs give its tables" in done.stdout, done.stderr


@pytest.mark.parametrize("case", CASES)
def test_a_bad_capsule_is_found_and_writes_nothing_outside(sound, tmp_path, case):
    """By the function that the command's process calls: one fault, no exception."""
    file, place = tmp_path / "bad.zip", tmp_path / "place"
    file.write_bytes(CASES[case](sound))
    place.mkdir()
    found = capsule_check.answer(file, place)
    assert list(found) == ["fault"], found
    assert found["fault"]
    assert {path.name for path in tmp_path.iterdir()} == {"bad.zip", "place"}
    assert {path.name for path in place.iterdir()} <= {"capsule", "made"}


@pytest.mark.parametrize("case", list(CASES)[::12])
def test_a_bad_capsule_is_one_message(sound, tmp_path, case):
    """Exit code 1, a line that names the file, no traceback."""
    file = tmp_path / "bad.zip"
    file.write_bytes(CASES[case](sound))
    done = checked(file, tmp_path / "empty")
    assert done.returncode == 1, done.stdout
    assert done.stderr.startswith(f"pgstudy: {file} can't be used: "), done.stderr
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert not list((tmp_path / "empty").iterdir())


def test_nothing_of_the_working_folder_is_imported(sound, tmp_path):
    """A config that registers a module there is read, and the module is not."""
    register = config(register="evil")
    (tmp_path / "bad.zip").write_bytes(register(sound))
    folder = tmp_path / "empty"
    folder.mkdir()
    for name in ("evil", "pandas", "pgstudy", "usercustomize"):
        (folder / f"{name}.py").write_text("open('was-here', 'w')")
    done = checked_by_itself(tmp_path / "bad.zip", folder)
    assert "its runs give its tables" in done.stdout, done.stderr
    assert not (folder / "was-here").exists()


def test_an_id_may_name_its_module(sound, tmp_path):
    """As Gymnasium has it; the module is not needed for the check."""
    entries = [{"id": "no_such_module:ShortCorridor-v0"}]
    (tmp_path / "a.zip").write_bytes(config(environments=entries)(sound))
    found = capsule_check.answer(tmp_path / "a.zip", tmp_path)
    assert "its runs give its tables" in found.get("found", ""), found


def test_what_is_no_file_does_not_hang(tmp_path):
    """A pipe that nobody writes to, a folder, a device, nothing at all."""
    os.mkfifo(tmp_path / "pipe")
    for file in (tmp_path / "pipe", tmp_path, "/dev/zero", tmp_path / "none"):
        done = checked(file, tmp_path / "empty")
        assert (done.returncode, "there is no such file" in done.stderr) == (1, True)


def test_a_check_has_an_end(sound, tmp_path):
    """It is cut off after its time, and leaves nothing that runs or lies about."""
    (tmp_path / "sound.zip").write_bytes(zipped(sound))
    start = time.monotonic()
    with pytest.raises(DamagedCapsule, match=r"it took over 0\.001 s"):
        capsule_check.check(tmp_path / "sound.zip", 0.001)
    assert time.monotonic() - start < 20
