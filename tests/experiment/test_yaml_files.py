"""Files that people write, and the odd things that may be in them."""

import time

import pytest
import yaml

from pgstudy.experiment.config import yaml_files
from pgstudy.experiment.config.loading import load_study, read_config
from pgstudy.experiment.system.errors import ConfigError
from tests.conftest import ROOT, SMOKE

LAUGHS = "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"study: &x [*x]\n", "line 1: what is named here contains itself"),
        (b"a: 1\nb: &x\n  c: {d: *x}\n", "contains itself"),
        (LAUGHS.encode(), "with its aliases it has too many values"),
        (b"[" * 100 + b"]" * 100, "nested too deeply"),
        (b"[" * 100_000, "nested too deeply"),
        (b"study: \xff\xfe", "it is not UTF-8 text"),
        (b"a: [", "line 1: while parsing a flow node"),
        (b"a: 2001-99-99", "month must be in 1..12"),
        (b"? [1, 2]\n: 3", "unhashable key"),
        (b"a: " + b"9" * 5000, "4300"),
        (b"a: !!python/name:os.system", "could not determine a constructor"),
        (b"a: \x00", "special characters are not allowed"),
        (b"# " + b"x" * 3_000_000, "it is over 2,000,000 bytes"),
        (b"", "holds no keys and values"),
        (b"- a\n", "holds no keys and values"),
    ],
)
def test_a_file_that_can_t_be_used_is_one_short_message(tmp_path, content, word):
    """Endless, huge, deep, another encoding, no table: with the line, where known."""
    file = tmp_path / "study.yaml"
    file.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read_config(file)
    (fault,) = caught.value.faults
    assert fault.startswith(str(file))
    assert word in fault
    assert len(fault) < len(str(file)) + 300


@pytest.mark.parametrize("name", [".", "none.yaml", "x" * 5000, "a/b", "loop"])
def test_what_is_no_file_is_a_message(tmp_path, name):
    """A folder, nothing, a name too long, below a file, a link to itself."""
    (tmp_path / "a").write_text("")
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(ConfigError, match="can't be read"):
        read_config(tmp_path / name)


def test_aliases_that_end_are_what_yaml_says(tmp_path):
    """A budget written once, and a table merged into another."""
    file = tmp_path / "study.yaml"
    file.write_text("a: &a {x: 1}\nb: [*a, *a]\nc: {<<: *a, y: 2}\n")
    data = {"a": {"x": 1}, "b": [{"x": 1}, {"x": 1}], "c": {"x": 1, "y": 2}}
    assert yaml_files.read(file) == (data, [])


def test_a_key_given_twice_is_told_with_its_place(tmp_path):
    """YAML takes the later one without a word; a table behind an alias counts once."""
    file = tmp_path / "twice.yaml"
    file.write_text(
        "environments:\n"
        "  - optimizer: {learning_rate: {1: .1, 1: .2}}\n"
        "    policy: &p {x: 1, x: 2}\n"
        "defaults: {policy: *p}\n"
        "defaults: 3\n"
    )
    place = "environments[0]"
    faults = yaml_files.read(file)[1]
    assert faults[1:] == [
        f"twice.yaml, line 3: {place}.policy: 'x' is there twice"
        if "environments" in faults[1]
        else "twice.yaml, line 3: defaults.policy: 'x' is there twice",
        "twice.yaml, line 5: 'defaults' is there twice",
    ]
    rate = "twice.yaml, line 2: environments[0].optimizer.learning_rate: '1' is"
    assert faults[0] == f"{rate} there twice"


def test_a_table_of_many_keys_takes_no_time_of_its_own():
    """Each held against all before it, these would take most of a minute."""
    lines = "".join(f"k{i}: 1\n" for i in range(40_000))
    node = yaml.compose(f"{lines}k7: 2\n", yaml.CSafeLoader)
    start = time.process_time()
    assert list(yaml_files._repeated(node)) == [(40_001, "'k7' is there twice")]
    assert time.process_time() - start < 3


def test_every_config_of_the_project_is_read():
    """None has a key twice."""
    files = [*ROOT.glob("config/**/*.yaml"), *ROOT.glob("workflow/schemas/*.yaml")]
    assert len(files) > 10
    assert [fault for file in files for fault in yaml_files.read(file)[1]] == []


@pytest.mark.parametrize(
    "change",
    [
        {"study": "s" * 9000},
        {"k" * 9000: 1},
        {"seeds": ["x" * 9000]},
        {"sample_counts": {"x" * 9000: 1}},
        {"published": "p" * 9000},
        {"register": "r" * 9000},
    ],
)
def test_no_message_quotes_more_than_a_line_of_a_value(change):
    """Whatever somebody put there."""
    with pytest.raises(ConfigError) as caught:
        load_study(SMOKE | change)
    assert caught.value.faults
    for fault in caught.value.faults:
        assert len(fault) < 600
        assert not any(letter * 80 in fault for letter in "skxr")
