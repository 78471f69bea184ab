"""Every fault of a config is found at once and named."""

from datetime import date

import pytest

from pgstudy.analysis.documents.settings import settings_table
from pgstudy.experiment.config import yaml_files
from pgstudy.experiment.config.loading import load_study
from pgstudy.experiment.config.schema import normalise, schema
from pgstudy.experiment.system.errors import ConfigError
from pgstudy.experiment.system.files import canonical_json
from tests.conftest import ROOT, SMOKE


def faults(config):
    with pytest.raises(ConfigError) as caught:
        load_study(config)
    return "\n".join(caught.value.faults)


def nested(config, path, value):
    *parents, last = path
    for key in parents:
        config = config[key]
    config[last] = value


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (["gama"], 0.5, ["unknown key 'gama'"]),
        (["seed"], 3, ["unknown key 'seed'", "did you mean 'seeds'"]),
        (["defaults", "optimiser"], {}, ["'optimiser'", "did you mean 'optimizer'"]),
        (["seeds"], "0,1", ["seeds:", "'0,1'", "seeds='[0,1]'"]),
        (["seeds"], [], ["seeds: it is empty"]),
        (["seeds"], [0, 0], ["seeds: 0 is listed more than once"]),
        (["seeds"], [-1], ["seeds[0]: -1 is too small"]),
        (["seeds"], True, ["seeds: true is not a whole number"]),
        (["sample_counts"], [0], ["sample_counts[0]: 0 is too small"]),
        (["sample_counts"], [2.5], ["sample_counts[0]: 2.5 is not a whole number"]),
        (["sample_counts"], [1, "1.0"], ["1 is listed more than once"]),
        (["sample_counts"], [1], ["leave-one-out"]),
        (["study"], "../x", ["study:", "'../x'"]),
        (["study"], "/tmp/x", ["study:", "'/tmp/x'"]),
        (["study"], "<script>", ["study:", "'<script>'"]),
        (["environments", 0, "name"], "../x", ["environments[0].name: '../x'"]),
        (["environments", 0, "name"], "$(id)", ["environments[0].name: '$(id)'"]),
        (["estimators", 0, "name"], "a;b", ["estimators[0].name: 'a;b'"]),
        (["study"], "runs", ["study:", "taken"]),
        (["study"], 7, ["study: 7 is not text"]),
        (["environments"], [], ["environments: it is empty"]),
        (["environments", 0, "id"], "NoSuch-v3", ["environments[0]", "NoSuch"]),
        (["environments", 1, "id"], "ShortCorridor-v0", ["'name'"]),
        (["environments", 0, "id"], "a;rm -rf-v0", ["environments[0].id"]),
        (["environments", 0, "updates"], 3, ["exactly one budget", "env_steps and"]),
        (["environments", 0, "optimizer"], {}, ["learning_rate is not set"]),
        (
            ["environments", 0, "optimizer"],
            {"learning_rate": {"1": 0.1}},
            ["no entry for N = 4"],
        ),
        (["environments", 0, "optimizer", "learning_rate"], -1, ["above 0"]),
        (["environments", 0, "optimizer", "learning_rate"], "fast", ["'fast'"]),
        (["environments", 0, "optimizer", "learning_rate"], float("inf"), ["finite"]),
        (["environments", 0, "estimators"], {"totl": {}}, ["'totl'"]),
        (["estimators", 0, "baseline"], "leave-one", ["did you mean 'leave-one-out'"]),
        (["estimators", 1, "name"], "total-return", ["listed more than once"]),
        (["estimators", 0, "sample_counts"], [4, 4], ["4 is listed more than once"]),
        (["study"], "x\n", ["study:"]),
        (["study"], "mlflow.db", ["study:", "taken"]),
        (["environments", 0, "kwargs"], {"d": date(2020, 1, 1)}, ["kwargs.d", "date"]),
        (["environments", 0, "kwargs"], {1: 2}, ["kwargs.1", "quotes"]),
        (["environments", 0, "kwargs"], {"speed": "1e-1"}, ["kwargs.speed", "0.1"]),
        (["environments", 0, "kwargs"], {"max_episode_steps": 5}, ["not an argument"]),
        (["environments", 0, "env_steps"], 10**400, ["env_steps", "too large"]),
        (["seeds"], "9" * 5000, ["seeds:"]),
        (["defaults"], None, ["defaults: null is not a table"]),
        (["estimators", 1, "baseline"], "none", ["same runs"]),
        (["estimators", 0, "gamma"], 1.5, ["gamma: 1.5 is too large"]),
        (["estimators", 0, "baseline"], "constant", ["needs the key 'constant'"]),
        (["estimators", 0, "constant"], 3, ["belongs to the baseline constant"]),
        (["estimators", 0, "window"], 5, ["'window'", "set baseline: running-mean"]),
        (["estimators", 0, "decay"], 0.9, ["'decay'", "set baseline: running-mean"]),
        (["estimators", 0, "window"], 0, ["window: 0 is too small"]),
        (["estimators", 0, "decay"], 1, ["decay: 1 is too large"]),
        (["estimators", 0, "discounting"], "biased", ["no gamma^t to drop"]),
        (["estimators", 0, "baseline"], "learned", ["needs value.learning_rate"]),
        (["estimators", 0, "value"], {}, ["belongs to the baseline learned"]),
        (["environments", 0, "kwargs"], {"render_mode": "x"}, ["not an argument"]),
        (["estimators", 0, "entropy"], -1, ["entropy: -1 is too small"]),
        (["register"], "no_such_module", ["register:", "no_such_module"]),
        (["register"], "a b", ["register: 'a b'"]),
        (["environments", 0, "vectorize"], True, ["no vector environment"]),
        (["environments", 0, "vectorize"], "fast", ["vectorize: 'fast'"]),
        (
            ["environments", 0, "policy"],
            {"normalise_observations": True},
            ["shown one-hot"],
        ),
        (["environments", 0, "optimizer", "learning_rate"], {"base": 1}, ["no rule"]),
        (["environments", 0, "optimizer", "learning_rate"], [], ["it is empty"]),
        (["environments", 0, "optimizer", "learning_rate"], [0.1, 0], ["above 0"]),
        (
            ["environments", 0, "optimizer", "learning_rate"],
            [0.1, "1e-1"],
            ["learning_rate: 0.1 is listed more than once"],
        ),
        (["environments", 0, "optimizer", "learning_rate"], "9^999", ["'9^999'"]),
        (
            ["environments", 0, "policy"],
            {"initial_probabilities": [0.5, 0.6]},
            ["their sum is 1.1"],
        ),
        (
            ["environments", 0, "policy"],
            {"initial_probabilities": [0.2, 0.3, 0.5]},
            ["there are 3, and 2 actions"],
        ),
        (
            ["environments", 0, "policy"],
            {"initial_probabilities": [0, 1]},
            ["initial_probabilities[0]: 0 is too small", "must be below 1"],
        ),
        (["environments", 0, "stop_when_truncated"], 1, ["not true or false"]),
        (["published"], ["no/such.yaml"], ["no/such.yaml", "no such file"]),
        (["published"], "a.yaml", ["published: 'a.yaml' is not a list"]),
        (
            ["environments", 0, "optimizer", "learning_rate"],
            {"base": 1e38, "power": 9},
            ["at N = 4"],
        ),
    ],
)
def test_a_fault_names_the_key_and_the_cure(smoke, path, value, words):
    """The message holds what its reader needs."""
    if path == ["sample_counts"] and value == [1]:
        smoke["estimators"] = smoke["estimators"][1:]
    nested(smoke, path, value)
    text = faults(smoke)
    assert all(word in text for word in words), text


def test_a_running_mean_forgets_in_one_way(smoke):
    """Both ways at once are a fault; each by itself reaches the specification."""
    estimator = {"name": "mean", "baseline": "running-mean"}
    smoke["estimators"] = [estimator | {"window": 3, "decay": "9e-1"}]
    text = faults(smoke)
    assert "'window' and 'decay' are both set" in text
    assert "leave one out" in text
    smoke["estimators"] = [estimator | {"window": 3}]
    assert load_study(smoke).cells[0].specification.estimator.window == 3
    smoke["estimators"] = [estimator | {"decay": "9e-1"}]
    assert load_study(smoke).cells[0].specification.estimator.decay == 0.9


def test_an_n_that_adapts_has_bounds_and_no_groups(smoke):
    """What can't adapt is left out, with the reason, or a fault with its cure."""
    estimator = {"name": "a", "adaptive": {"ratio": 1, "most": 4}}
    smoke["estimators"], smoke["sample_counts"] = [estimator], [1, 4, 8]
    smoke["defaults"]["optimizer"] = {"learning_rate": 0.001}
    for entry in smoke["environments"]:
        entry["optimizer"] = {"learning_rate": 0.001}
    study = load_study(smoke)
    assert {cell.n for cell in study.cells} == {4}
    assert study.cells[0].specification.estimator.adaptive.most == 4
    reasons = {left.n: left.reason for left in study.left_out}
    assert "at N = 1 there is none" in reasons[1]
    assert "N = 8 is above adaptive.most: 4" in reasons[8]
    smoke["estimators"] = [estimator | {"trajectories_per_start": 2}]
    text = faults(smoke)
    assert "'adaptive' can't be used with 'trajectories_per_start'" in text
    assert "leave one out" in text
    smoke["estimators"] = [{"name": "a", "adaptive": {"ratio": 0, "most": 1.5}}]
    text = faults(smoke)
    assert "adaptive.ratio: 0 is too small" in text
    assert "adaptive.most: 1.5 is not a whole number" in text


def test_all_faults_are_reported_together(smoke):
    """One look at the message is enough to mend the file."""
    smoke |= {"gama": 1, "seeds": [0, 0], "bins": 0}
    smoke["environments"][0]["polcy"] = {}
    smoke["environments"][1]["id"] = "NoSuch-v1"
    smoke["environments"].append({"id": "Acrobot-v1", "updates": 1})
    text = faults(smoke)
    words = ("gama", "seeds: 0", "bins", "polcy", "NoSuch", "learning_rate is not set")
    assert all(w in text for w in words), text


def test_bad_environments_are_reported_together(smoke):
    """Unknown, outdated, unlimited: each with its reason."""
    smoke["environments"] = [
        {"id": i, "updates": 1} for i in ("NoSuch-v1", "CartPole-v0", "CliffWalking-v1")
    ]
    text = faults(smoke)
    assert "doesn't exist" in text
    assert "outdated" in text
    assert "max_episode_steps" in text


def test_missing_keys_are_named():
    """An empty config lists what it needs."""
    assert "'environments' is missing" in faults({})


def test_numbers_have_one_spelling(smoke):
    """1e-3, "0.001" and 0.001; 300_000 and 3e5 (case 11)."""
    assert normalise({"a": ["1e-3", 0.001, "0.0010"]}) == {"a": [0.001] * 3}
    assert normalise({"env_steps": "3e5"}) == {"env_steps": 300_000}
    assert canonical_json(normalise({"n": [1.0, "10"]})) == '{"n":[1,10]}'
    environments = [{"name": "1e3", "kwargs": {"size": "4"}}]
    assert normalise({"environments": environments}) == {"environments": environments}


def test_a_number_may_be_written_as_a_power():
    """2^-12 is the learning rate that a book prints; names that look so stay text."""
    assert normalise({"learning_rate": ["2^-12", "10^3"]}) == {
        "learning_rate": [2**-12, 1000]
    }
    assert normalise({"name": "2^-12"}) == {"name": "2^-12"}


def test_values_from_the_command_line_mean_what_the_file_means(smoke):
    """Snakemake hands list items on as text (case 2)."""
    loaded = load_study(smoke)
    texts = load_study(smoke | {"seeds": ["0", "1"], "sample_counts": ["1", "4"]})
    assert [b.manifest for b in texts.blocks()] == [b.manifest for b in loaded.blocks()]
    assert load_study(smoke | {"seeds": 5}).seeds == (0, 1, 2, 3, 4)


def test_a_config_too_long_for_a_command_line_is_refused(smoke):
    """Three thousand seeds are fine; what can't reach a job is said to be too long."""
    assert len(load_study(smoke | {"seeds": list(range(3000))}).seeds) == 3000
    assert "characters" in faults(smoke | {"seeds": list(range(10**6, 10**6 + 20000))})


def test_the_settings_table_of_the_docs_is_that_of_the_schema():
    """config/README.md lists every key with range, default and meaning."""
    text = (ROOT / "config" / "README.md").read_text()
    assert settings_table(schema()) in text


def test_a_key_given_twice_is_a_fault(tmp_path):
    """YAML takes the later one without a word."""
    file = tmp_path / "twice.yaml"
    file.write_text("seeds: 2\nenvironments:\n  - {id: a-v0, id: b-v0}\nseeds: 3\n")
    _, faults = yaml_files.read(file)
    assert faults == [
        "twice.yaml, line 3: environments[0]: 'id' is there twice",
        "twice.yaml, line 4: 'seeds' is there twice",
    ]
    with pytest.raises(ConfigError, match="line 4: 'seeds' is there twice"):
        load_study(SMOKE, faults)


def test_an_unknown_environment_points_to_register(smoke):
    """The likely cure for an id of one's own."""
    smoke["environments"][0]["id"] = "my_lab/Maze-v0"
    assert "'register'" in faults(smoke)
