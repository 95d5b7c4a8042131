"""The training program without TensorFlow: dataset, shares of the workers, evaluation and page."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import checkpoint
import dataset
import evaluation
import numpy as np
import page
import pytest
import train

ROW = ",".join(["0"] * 64)


def write(folder: Path, *lines: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "part-00.csv").write_text("".join(f"{line}\n" for line in lines))
    return folder


def test_rows_are_read_in_the_order_of_the_files(tmp_path: Path) -> None:
    write(tmp_path, f"{ROW},7")
    (tmp_path / "part-01.csv").write_text(f"16,{ROW[2:]},3\n")
    digits = dataset.read(tmp_path)
    assert digits.labels.tolist() == [7, 3]
    assert digits.images.shape == (2, 64) and digits.images[1, 0] == 16


@pytest.mark.parametrize(
    ("line", "message"),
    [
        pytest.param("1,2,3", r"part-00.csv:2: 3 values; expected 64 pixels and a label", id="too short"),
        pytest.param(f"{ROW},x", r"part-00.csv:2: 'x' is not a whole number", id="no number"),
        pytest.param(f"17,{ROW[2:]},1", r"part-00.csv:2: a pixel is outside of 0 to 16", id="too bright"),
        pytest.param(f"{ROW},10", r"part-00.csv:2: the label is 10; expected 0 to 9", id="no digit"),
    ],
)
def test_a_wrong_row_is_named(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(dataset.DatasetError, match=message):
        dataset.read(write(tmp_path, f"{ROW},1", line))


@pytest.mark.parametrize(
    ("lines", "message"),
    [pytest.param(None, "there is no such folder", id="no folder"), pytest.param([], "have no rows", id="empty file")],
)
def test_nothing_to_train_on_is_an_error(tmp_path: Path, lines: list[str] | None, message: str) -> None:
    if lines is not None:
        write(tmp_path / "train", *lines)
    with pytest.raises(dataset.DatasetError, match=message):
        dataset.read(tmp_path / "train")


def test_a_holdout_that_was_trained_on_is_refused(tmp_path: Path) -> None:
    data = tmp_path / "data"
    write(data / "train", f"{ROW},1", f"1,{ROW[2:]},1")
    write(data / "holdout", f"{ROW},1")
    assert train.main([], {"DATASET_DIR": str(data)}) == 2


def test_each_row_of_a_batch_goes_to_exactly_one_worker() -> None:
    settings = train.HyperParameters(hidden_units=8, epochs=1, batch_size=10, learning_rate=0.1, seed=7)
    workers = [list(train.shares(25, 1, settings, train.Place(worker, 3))) for worker in range(3)]
    rows = [row for worker in workers for batch in worker for row in batch.tolist()]
    assert len(rows) == len(set(rows)) == 20  # two whole batches
    assert [len(batch) for batch in workers[0]] == [4, 4]
    assert [batch.tolist() for batch in workers[0]] != [
        batch.tolist() for batch in train.shares(25, 2, settings, train.Place(0, 3))
    ]


@pytest.mark.parametrize(
    ("config", "place"),
    [
        pytest.param({}, (0, 1), id="alone"),
        pytest.param(
            {"cluster": {"worker": ["a", "b", "c"]}, "task": {"type": "worker", "index": 2}}, (2, 3), id="worker"
        ),
        pytest.param(
            {"cluster": {"chief": ["a"], "worker": ["b"]}, "task": {"type": "worker", "index": 0}},
            (1, 2),
            id="behind a chief",
        ),
        pytest.param(
            {"cluster": {"chief": ["a"], "worker": ["b"]}, "task": {"type": "chief", "index": 0}}, (0, 2), id="chief"
        ),
    ],
)
def test_the_place_of_a_worker(config: object, place: tuple[int, int]) -> None:
    assert train.place_of({"TF_CONFIG": json.dumps(config)}) == train.Place(*place)


def test_parameter_servers_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    config = {"cluster": {"ps": ["a"], "worker": ["b"]}, "task": {"type": "worker", "index": 0}}
    assert train.main([], {"TF_CONFIG": json.dumps(config)}) == 2
    assert "TF_CONFIG names ps" in capsys.readouterr().err


def test_an_argument_overrides_the_environment() -> None:
    options = train.parse(["--epochs", "3"], {"EPOCHS": "9", "LEARNING_RATE": "0.5"})
    assert (options.epochs, options.learning_rate, options.hidden_units) == (3, 0.5, 64)


@pytest.mark.parametrize("words", [["--epochs", "0"], ["--learning-rate", "-1"], ["--epochs", "many"]])
def test_impossible_settings_are_refused(words: list[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        train.parse(words, {})


HOLDOUT = dataset.Digits(np.full((4, 64), 8, np.float32), np.array([0, 0, 1, 2]))
READ = np.eye(10, dtype=np.float32)[[0, 1, 1, 2]] * 0.91 + 0.01


def test_measures() -> None:
    measured = evaluation.measure(HOLDOUT, READ)
    assert (measured["accuracy"], measured["holdout_size"]) == (0.75, 4)
    assert measured["confusion_matrix"][0][:2] == [1, 1]
    one = measured["per_class"][1]
    assert (one["support"], one["right"], one["recall"], one["precision"]) == (1, 1, 1.0, 0.5)
    assert measured["per_class"][9]["recall"] == 0.0  # not in the holdout
    assert measured["loss"] == pytest.approx(-(3 * np.log(0.92) + np.log(0.01)) / 4, abs=1e-5)


def test_the_golden_request_is_the_first_image_read_rightly() -> None:
    golden = evaluation.golden(HOLDOUT, READ)
    assert golden["request"] == {"instances": [[8.0] * 64]}
    assert golden["expected"]["predictions"][0]["digit"] == 0
    assert len(golden["expected"]["predictions"][0]["probabilities"]) == 10


class Tags(HTMLParser):
    """Checks that every element is closed in order and nothing comes from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.count: dict[str, int] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert not {name for name, _value in attrs} & {"src", "href"}
        self.count[tag] = self.count.get(tag, 0) + 1
        if tag not in ("meta", "rect"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag != "rect":
            assert self.open.pop() == tag


def rendered(probabilities: np.ndarray) -> tuple[str, Tags]:
    metrics = {
        **evaluation.measure(HOLDOUT, probabilities),
        "epochs": 1,
        "workers": 3,
        "seconds": 8.2,
        "hyper_parameters": {"learning_rate": 0.1},
        "tensorflow": "2.20.0",
    }
    text = page.render(metrics, evaluation.misread(HOLDOUT, probabilities))
    tags = Tags()
    tags.feed(text)
    assert tags.open == []
    return text, tags


def test_the_page_shows_every_misread_image() -> None:
    text, tags = rendered(READ)
    assert tags.count["svg"] == 1
    assert "A handwritten 0 that was read as 1" in text
    assert "75.00%" in text and "1 epoch, 3 workers" in text
    assert tags.count["tr"] == 2 * 11  # a head and ten digits in both tables


def test_the_page_of_a_faultless_model_says_so() -> None:
    text, tags = rendered(np.eye(10, dtype=np.float32)[[0, 0, 1, 2]])
    assert "svg" not in tags.count
    assert "every image of the holdout was read rightly" in text


def test_a_checkpoint_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    arrays = [np.arange(6.0).reshape(2, 3), np.float32([0.5])]
    assert checkpoint.load(tmp_path, {"seed": 7}) is None
    checkpoint.save(tmp_path, 3, {"seed": 7}, [np.zeros(1)])
    checkpoint.save(tmp_path, 4, {"seed": 7}, arrays)
    found = checkpoint.load(tmp_path, {"seed": 7})
    assert found and found[0] == 4
    assert all(np.array_equal(mine, its) for mine, its in zip(found[1], arrays, strict=True))
    assert [path.name for path in tmp_path.iterdir()] == ["state.npz"], "and no draft is left"


def test_a_checkpoint_of_other_settings_is_refused(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, 4, {"seed": 7}, [])
    with pytest.raises(train.TrainingError, match=r"is of \{'seed': 7\}; this training has \{'seed': 8\}"):
        train.resume(tmp_path, {"seed": 8}, [])
