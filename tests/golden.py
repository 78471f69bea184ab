"""Digests of what numbers go through, which are the same on every processor.

`python -m tests.golden` prints them as JSON, `... NAME ...` some of them;
`... --write` keeps them in golden.json with the processor that they were seen on.
"""

import hashlib
import io
import json
import math
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.stats
import torch

from pgstudy.experiment.config.loading import load_study
from pgstudy.experiment.provenance.identity import describe
from pgstudy.experiment.store.runs import Store
from pgstudy.experiment.store.study_folder import StudyFolder
from pgstudy.experiment.training.block import train_block
from pgstudy.learning.estimators.gradients import one_thread
from pgstudy.learning.training import train

FILE = Path(__file__).with_name("golden.json")
CARTPOLE = {"id": "CartPole-v1", "env_steps": 600}
PENDULUM = {"id": "Pendulum-v1", "env_steps": 800}
RATE = {"learning_rate": 1e-3}

OF_A_RUN = {"key", "ended", "commit"}  # columns that say when, and by what, it was made

# Together they use every part of a training that computes.
TRAININGS = {
    "plain": (CARTPOLE, {"optimizer": RATE}, {}),
    "learned baseline, normalised observations": (
        CARTPOLE,
        {
            "optimizer": RATE,
            "policy": {"hidden": [16], "normalise_observations": True},
        },
        {
            "credit": "to-go",
            "baseline": "learned",
            "value": {"learning_rate": 0.01, "hidden": [16]},
        },
    ),
    "Gaussian": (PENDULUM, {"optimizer": RATE}, {"credit": "to-go", "gamma": 0.9}),
    "Adam, two layers, relu": (
        CARTPOLE,
        {
            "optimizer": RATE | {"name": "adam"},
            "policy": {"hidden": [16, 16], "activation": "relu"},
        },
        {"baseline": "leave-one-out", "normalise": True, "entropy": 0.01},
    ),
    "lanes": (
        CARTPOLE | {"vectorize": True},
        {"optimizer": RATE, "policy": {"hidden": [16]}},
        {"baseline": "leave-one-out"},
    ),
}


def sha(*arrays):
    """Of the bytes of arrays, in their order."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]


def study(environment, defaults, estimator, **more):
    estimators = [{"name": "estimator", **estimator}]
    parts = {"study": "golden", "seeds": 1, "sample_counts": [4], "defaults": defaults}
    parts |= {"environments": [environment], "estimators": estimators}
    return load_study(parts | more)


def training(environment, defaults, estimator):
    """Parameters, returns and norms of a short training."""
    (cell,) = study(environment, defaults, estimator).cells
    done = train(cell.specification, 0)
    weights = [value.numpy() for value in done.policy.values()]
    columns = [done.updates[name] for name in sorted(done.updates)]
    return sha(*weights, *columns)


def layer():
    """One gradient of a network by torch."""
    weight = torch.linspace(-1, 1, 64 * 16).reshape(64, 16).requires_grad_()
    outputs = torch.tanh(F32 @ weight) @ torch.ones(16, 3)
    actions = torch.arange(len(F32)) % 3
    torch.nn.functional.cross_entropy(outputs, actions).backward()
    return weight.grad.numpy()


GENERATOR = np.random.default_rng(0)
DOUBLES = GENERATOR.standard_normal((300, 64))
FLOATS = DOUBLES.astype(np.float32)
POSITIVE = abs(FLOATS) + np.float32(0.1)
F32, SIZES = torch.from_numpy(FLOATS), torch.from_numpy(POSITIVE)
FRAME = pd.DataFrame(DOUBLES).assign(key=np.arange(300) % 7)

NUMPY = {
    "dot": lambda: FLOATS.dot(FLOATS.T),
    "dot of one row": lambda: np.dot(FLOATS[:1], FLOATS.T),
    "dot, double": lambda: DOUBLES @ DOUBLES[::-1].T,
    "dot with itself, double": lambda: DOUBLES @ DOUBLES.T,
    "matmul of a stack": lambda: np.matmul(
        FLOATS.reshape(30, 10, 64), FLOATS[:192].reshape(3, 64, 64).repeat(10, 0)
    ),
    "dot of ones": lambda: np.ones(300, np.float32).dot(FLOATS),
    "vdot": lambda: np.vdot(FLOATS, POSITIVE),
    "einsum": lambda: np.einsum("ij,kj->ik", DOUBLES, DOUBLES),
    "sum": lambda: np.add.reduce(FLOATS),
    "sum of all, double": lambda: DOUBLES.sum(),
    "mean": lambda: DOUBLES.mean(0),
    "std": lambda: DOUBLES.std(0),
    "cumsum": lambda: DOUBLES.cumsum(0),
    "exp": lambda: np.exp(FLOATS),
    "exp, double": lambda: np.exp(DOUBLES),
    "log": lambda: np.log(POSITIVE),
    "log, double": lambda: np.log(abs(DOUBLES)),
    "tanh": lambda: np.tanh(FLOATS),
    "sqrt": lambda: np.sqrt(POSITIVE),
    "sin, double": lambda: np.sin(DOUBLES),
    "cos, double": lambda: np.cos(DOUBLES),
    "power": lambda: 0.99 ** np.arange(500.0),
    "quantile": lambda: np.quantile(DOUBLES, [0.25, 0.5], 0),
    "norm": lambda: np.linalg.norm(DOUBLES),
    "qr": lambda: np.linalg.qr(DOUBLES)[0],
    "solve": lambda: np.linalg.solve(DOUBLES[:64] + 9 * np.eye(64), DOUBLES[0]),
    "exponential": lambda: np.random.default_rng(1).standard_exponential(
        999, np.float32
    ),
    "normal": lambda: np.random.default_rng(1).standard_normal(999, np.float32),
    "normal, double": lambda: np.random.default_rng(1).standard_normal(999),
    "uniform": lambda: np.random.default_rng(1).uniform(-1, 1, 999),
}
TORCH = {
    "matmul": lambda: F32 @ F32.T,
    "addmm": lambda: torch.addmm(F32[:, :3], F32, F32[:64, :3]),
    "tanh": lambda: torch.tanh(F32),
    "exp": lambda: torch.exp(F32),
    "relu": lambda: torch.relu(F32),
    "log_softmax": lambda: torch.log_softmax(F32, 1),
    "cross_entropy": lambda: torch.nn.functional.cross_entropy(
        F32, torch.arange(300) % 64, reduction="none"
    ),
    "dot": lambda: torch.dot(F32.flatten(), SIZES.flatten()),
    "norm": lambda: F32.norm(),
    "linear": lambda: torch.linspace(-1, 1, 999),
    "sum": lambda: F32.sum(1),
    "square": lambda: F32.square(),
    "lerp": lambda: F32.lerp(SIZES, 0.1),
    "addcmul": lambda: F32.addcmul(F32, SIZES, value=0.001),
    "addcdiv": lambda: F32.addcdiv(F32, SIZES, value=0.001),
    "divide": lambda: F32 / SIZES,
    "backward": layer,
}
OTHERS = {
    "math.exp": lambda: [math.exp(x) for x in DOUBLES[0]],
    "math.sin": lambda: [math.sin(x) for x in DOUBLES[0]],
    "math.cos": lambda: [math.cos(x) for x in DOUBLES[0]],
    "math.log": lambda: [math.log(abs(x)) for x in DOUBLES[0]],
    "math.tanh": lambda: [math.tanh(x) for x in DOUBLES[0]],
    "math.pow": lambda: [math.pow(abs(x), 1.7) for x in DOUBLES[0]],
    "scipy t.ppf": lambda: scipy.stats.t.ppf(0.975, np.arange(1, 50)),
    "scipy norm.cdf": lambda: scipy.stats.norm.cdf(DOUBLES),
    "scipy beta.ppf": lambda: scipy.stats.beta.ppf(0.975, np.arange(1, 50), 3),
    "scipy binomtest": lambda: scipy.stats.binomtest(7, 20).pvalue,
    "scipy ttest_ind": lambda: scipy.stats.ttest_ind(DOUBLES, DOUBLES**2).pvalue,
    "pandas mean": lambda: FRAME.groupby("key").mean(),
    "pandas std": lambda: FRAME.groupby("key").std(),
    "pandas median": lambda: FRAME.groupby("key").median(),
    "pandas rolling": lambda: FRAME.rolling(9).mean().dropna(),
}


def functions():
    """Every function of the table, by library and name."""
    libraries = {"numpy": NUMPY, "torch": TORCH, "other": OTHERS}
    return {
        f"{library}: {name}": sha(np.asarray(function()))
        for library, table in libraries.items()
        for name, function in table.items()
    }


def tables():
    """The tables of a tiny study, but for the seconds that its runs took."""
    from pgstudy.analysis import steps  # an emulated import takes seconds

    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        made = study(CARTPOLE, {"optimizer": RATE}, {}, seeds=3)
        for block in made.blocks():
            assert train_block(store, block) == []
        place = StudyFolder(store, made, Path(folder) / "golden")
        steps.make("tables", place)
        texts = []
        for file in sorted((place.path / "tables").glob("*.csv")):
            table = pd.read_csv(file, dtype=str)
            kept = [c for c in table if "second" not in c and c not in OF_A_RUN]
            texts.append(f"{file.name}\n{table[kept].to_csv()}")
        return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]


def figure():
    """The bytes of a figure: lines, a band, a title."""
    from pgstudy.analysis.figures import style  # with matplotlib: seconds, too

    style.use()
    drawn, axes = style.plt.subplots(figsize=(3, 2), layout="constrained")
    axes.plot(DOUBLES[:, 0].cumsum())
    axes.fill_between(np.arange(300), DOUBLES[:, 1], DOUBLES[:, 2], alpha=0.3)
    axes.set_title("return, $N$ = 4")
    picture = io.BytesIO()
    drawn.savefig(picture, format="png", dpi=style.DPI)
    style.plt.close(drawn)
    return hashlib.sha256(picture.getvalue()).hexdigest()[:16]


def digests(names=()):
    """All of them, or those whose names are given; `functions` is one of them."""
    makers = {
        name: lambda parts=parts: training(*parts) for name, parts in TRAININGS.items()
    }
    makers |= {"tables": tables, "figure": figure}
    found = {}
    with one_thread():
        for name, make in makers.items():
            if not names or name in names:
                found[name] = make()
        if not names or "functions" in names:
            found |= functions()
    return found


def write():
    """Keep them; the processor is added to those seen, if nothing differs."""
    found, cpu = digests(), describe()["cpu"]
    seen = set()
    if FILE.exists():
        kept = json.loads(FILE.read_text())
        seen = set(kept["seen_on"]) if kept["digests"] == found else set()
    data = {"seen_on": sorted(seen | {cpu}), "digests": found}
    FILE.write_text(json.dumps(data, indent=2) + "\n")


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        write()
    else:
        print(json.dumps(digests(sys.argv[1:])))
