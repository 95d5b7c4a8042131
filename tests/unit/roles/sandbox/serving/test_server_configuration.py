"""Flags and files: what TensorFlow Serving takes is taken, all else is refused before anything is loaded."""

from __future__ import annotations

from pathlib import Path

import pytest
from model_server import batching, flags, metrics, textproto
from model_server.errors import StartError

NEEDED = ["--rest_api_port=8501", "--model_base_path=/models/m"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param([], {"port": 8500, "enable_batching": False, "model_name": "default"}, id="defaults"),
        pytest.param(
            ["--model_name=m", "--port", "9"], {"model_name": "m", "port": 9}, id="both ways to write a value"
        ),
        pytest.param(["--enable_batching"], {"enable_batching": True}, id="a boolean alone is true"),
        pytest.param(["--enable_batching=false"], {"enable_batching": False}, id="a boolean with a value"),
        pytest.param(["--model_name=a", "--model_name=b"], {"model_name": "b"}, id="the last one wins"),
    ],
)
def test_flags(arguments: list[str], expected: dict[str, object]) -> None:
    parsed = flags.parse([*NEEDED, *arguments])
    assert {name: getattr(parsed, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(
            [*NEEDED, "--model_nam=m"], "unknown argument: --model_nam=m; did you mean --model_name", id="typo"
        ),
        pytest.param([*NEEDED, "m"], "unknown argument: m", id="no flag"),
        pytest.param([*NEEDED, "--port=x"], "--port is 'x'; expected a whole number", id="no number"),
        pytest.param([*NEEDED, "--enable_batching=yes"], "expected true or false", id="no boolean"),
        pytest.param([*NEEDED, "--model_name"], "--model_name needs a value", id="no value"),
        pytest.param(["--rest_api_port=1"], "--model_base_path is missing", id="no model"),
        pytest.param(["--model_base_path=/m"], "--rest_api_port is missing", id="no REST"),
        pytest.param(
            [*NEEDED, "--batching_parameters_file=f"], "without --enable_batching", id="file without batching"
        ),
        pytest.param([*NEEDED, "--monitoring_config_file=/no"], "there is no file /no", id="missing file"),
    ],
)
def test_wrong_flags_are_refused(arguments: list[str], message: str) -> None:
    with pytest.raises(StartError, match=message):
        flags.parse(arguments)


def test_text_protos_are_read() -> None:
    text = 'a { value: 32 }  # comment\nb: 1.5, b: -2; c: { d: "x" e: true } f < g: WORD >'
    assert textproto.parse(text, "file") == {
        "a": [{"value": [32]}],
        "b": [1.5, -2],
        "c": [{"d": ["x"], "e": [True]}],
        "f": [{"g": ["WORD"]}],
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("a {\n value: 1", "file: the end of the file where '}' is expected", id="open brace"),
        pytest.param("a: 1\nb 2", "file:2: found '2' after b", id="no colon"),
        pytest.param("\n\n@", "file:3: cannot read '@'", id="strange sign"),
        pytest.param("a:", "file: a has no value", id="no value"),
        pytest.param(": 1", "file:1: found ':' where a field's name is expected", id="no name"),
    ],
)
def test_wrong_text_protos_are_refused_with_their_line(text: str, message: str) -> None:
    with pytest.raises(StartError, match=message):
        textproto.parse(text, "file")


def written(folder: Path, text: str) -> str:
    (folder / "config").write_text(text)
    return str(folder / "config")


def test_batching_parameters_are_read(tmp_path: Path) -> None:
    text = (
        "max_batch_size { value: 32 } batch_timeout_micros { value: 0 } allowed_batch_sizes: 8 allowed_batch_sizes: 32"
    )
    parameters = batching.read_parameters(written(tmp_path, text))
    assert (parameters.max_batch_size, parameters.batch_timeout_micros) == (32, 0)
    assert [parameters.padded(rows) for rows in (1, 8, 9, 32)] == [8, 8, 32, 32]
    assert batching.read_parameters("").max_batch_size == 1000


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("max_batch_size: 32", r"must be written as max_batch_size \{ value: 1 \}", id="no wrapper"),
        pytest.param("max_batchsize { value: 1 }", "unknown field max_batchsize", id="unknown"),
        pytest.param("pad_variable_length_inputs: true", "does not have it", id="not in the stand-in"),
        pytest.param("max_batch_size { value: 0 }", "it must be at least 1", id="zero"),
        pytest.param("batch_timeout_micros { value: -1 }", "must not be negative", id="negative"),
        pytest.param(
            "max_batch_size { value: 32 } allowed_batch_sizes: 8", "last of allowed_batch_sizes is 8", id="last != max"
        ),
        pytest.param("allowed_batch_sizes: 9 allowed_batch_sizes: 8", "they must increase", id="not increasing"),
    ],
)
def test_wrong_batching_parameters_are_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(StartError, match=message):
        batching.read_parameters(written(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "path"),
    [
        pytest.param("prometheus_config { enable: true }", metrics.DEFAULT_PATH, id="default path"),
        pytest.param('prometheus_config: { enable: true, path: "/m" }', "/m", id="own path"),
        pytest.param("prometheus_config { enable: false }", "", id="off"),
        pytest.param("", "", id="empty"),
    ],
)
def test_monitoring_is_on_only_where_the_file_says_so(tmp_path: Path, text: str, path: str) -> None:
    assert metrics.monitoring_path(written(tmp_path, text)) == path


def test_metrics_are_in_prometheus_text_form() -> None:
    counted = metrics.Metrics()
    counted.requests.add('a"b', "OK")
    counted.processed_batch_size.add(3, "pool")
    text = counted.text()
    assert ':tensorflow:serving:request_count{model_name="a\\"b",status="OK"} 1\n' in text
    name = ":tensorflow:serving:batching_session:processed_batch_size"
    assert f'{name}_bucket{{thread_pool_name="pool",le="2"}} 0\n' in text
    assert f'{name}_bucket{{thread_pool_name="pool",le="4"}} 1\n' in text
    assert f'{name}_bucket{{thread_pool_name="pool",le="+Inf"}} 1\n' in text
    assert f'{name}_sum{{thread_pool_name="pool"}} 3\n' in text
