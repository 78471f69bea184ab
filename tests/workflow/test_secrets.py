"""Passwords of MLflow's variables, and where the home lies, reach no file."""

import os
import subprocess
import zipfile

import yaml

from tests.conftest import ROOT
from tests.experiment.servers import free_port

PASSWORD, TOKEN = "s3cret-Pass@word", "t0ken-Value"
ACCOUNT = "acc0unt-Password"  # of a variable of MLflow's
STUDY = {
    "study": "small",
    "seeds": 2,
    "seeds_per_job": 2,
    "sample_counts": [2],
    "bins": 5,
    "defaults": {"updates": 20, "optimizer": {"learning_rate": 1e-3}},
    "environments": [{"id": "ShortCorridor-v0"}],
    "estimators": [{"name": "total-return"}],
}


def test_no_password_and_no_home_in_anything_that_is_made(tmp_path):
    """A real study whose server is dead: results, report, capsule, records, output."""
    home = tmp_path / "home-of-al"
    project = home / "thesis"
    project.mkdir(parents=True)
    (project / "study.yaml").write_text(yaml.safe_dump(STUDY))
    address = f"http://al:{PASSWORD}@127.0.0.1:{free_port()}/?token={TOKEN}"
    command = ["snakemake", "--cores", "2", "-s", str(ROOT / "Snakefile")]
    command += ["-d", str(project), "--configfile", str(project / "study.yaml")]
    variables = {"MLFLOW_TRACKING_URI": address, "HOME": str(home)}
    variables |= {"MLFLOW_TRACKING_USERNAME": "al", "MLFLOW_TRACKING_PASSWORD": ACCOUNT}
    said = ""
    for target in ((), ("capsule",)):
        done = subprocess.run(
            [*command[:3], *target, *command[3:]],
            cwd=project,
            text=True,
            env=os.environ | variables,
            capture_output=True,
        )
        said += done.stdout + done.stderr
    assert "MLflow at http://127.0.0.1" in said, said
    results = project / "results/small"
    assert (results / "report.html").is_file(), said
    assert (results / "capsule.zip").is_file(), said
    packed = zipfile.ZipFile(results / "capsule.zip")
    texts = {name: packed.read(name) for name in packed.namelist()}
    files = [path for path in project.rglob("*") if path.is_file()]
    texts |= {str(path): path.read_bytes() for path in files}
    texts["output"] = said.encode()
    for secret in (PASSWORD, PASSWORD.partition("@")[0], TOKEN, ACCOUNT):
        assert [n for n, text in texts.items() if secret.encode() in text] == []
    shown = [n for n in texts if n in packed.namelist() or n.endswith("run.json")]
    shown += [str(results / name) for name in ("report.html", "report.md")]
    assert len(shown) > 50
    for folder in (home, ROOT):
        where = [name for name in shown if str(folder).encode() in texts[name]]
        assert where == [], folder
