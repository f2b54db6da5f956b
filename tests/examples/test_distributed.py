"""`examples/distributed`: what cannot be run here is read by the tools that would, or by their schemas."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from locust.argument_parser import parse_options

from tests.load.processes import serve
from tests.locust.cluster import Locusts, server_stats, wait_until

EXAMPLE = Path(__file__).parents[2] / "examples" / "distributed"
KUBERNETES_VERSION = "1.32"
MANIFESTS = sorted((EXAMPLE / "kubernetes").glob("*.yaml"))


def documents(path: Path) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def compose() -> dict[str, Any]:
    (found,) = documents(EXAMPLE / "compose.yaml")
    return found


def containers() -> dict[str, dict[str, Any]]:
    """The one container of each deployment."""
    found = {}
    for document in (each for path in MANIFESTS for each in documents(path)):
        if document["kind"] == "Deployment":
            (container,) = document["spec"]["template"]["spec"]["containers"]
            found[document["metadata"]["name"]] = container
    return found


def test_the_locustfile_loads_a_server(tmp_path: Path) -> None:
    with serve() as (_, url):
        locust = Locusts(tmp_path, url, locustfile=(EXAMPLE / "locustfile.py").read_text())
        try:
            process = locust.start("--headless", "--only-summary", "-u", "50", "-r", "50", "--host", url)
            wait_until(lambda: server_stats(url)["joins"] == 50, "not all joined")
            process.send_signal(signal.SIGINT)
            assert locust.codes() == [0], locust.logs()
        finally:
            locust.close()


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_manifests_follow_the_schemas_of_kubernetes(path: Path) -> None:
    for document in documents(path):
        kubernetes_validate.validate(document, KUBERNETES_VERSION, strict=True)


def test_kubectl_builds_the_whole() -> None:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not installed")
    built = subprocess.run([kubectl, "kustomize", str(EXAMPLE)], capture_output=True, text=True, timeout=60)
    assert built.returncode == 0, built.stderr
    kinds = sorted(document["kind"] for document in yaml.safe_load_all(built.stdout))
    assert kinds == ["ConfigMap", "Deployment", "Deployment", "Deployment", "Service", "Service"]


def test_docker_compose_reads_its_file() -> None:
    command = ["docker", "compose"]
    if (
        shutil.which("docker") is None
        or subprocess.run([*command, "version"], capture_output=True).returncode
    ):
        command = ["docker-compose"]
        if shutil.which(command[0]) is None:
            pytest.skip("docker compose is not installed")
    arguments = ["-f", str(EXAMPLE / "compose.yaml"), "config", "-q"]
    read = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=60)
    assert read.returncode == 0, read.stderr


def test_locust_understands_its_arguments_and_all_meet() -> None:
    # Neither of them is there to be asked; the arguments are read by Locust's own parser.
    services, pods = compose()["services"], containers()
    for server, master, of_master, of_worker in (
        ("server", "master", services["master"]["command"], services["worker"]["command"]),
        ("phoenix", "locust-master", pods["locust-master"]["args"], pods["locust-worker"]["args"]),
    ):
        of_master, of_worker = parse_options(of_master), parse_options(of_worker)
        assert of_master.master
        assert of_master.host == f"ws://{server}:4000/socket"
        assert of_worker.worker
        assert of_worker.master_host == master


def test_the_servers_command_is_one() -> None:
    for command in (compose()["services"]["server"]["entrypoint"], containers()["phoenix"]["command"]):
        assert command[:4] == ["python", "-m", "fastphx", "serve"]
        shown = subprocess.run([sys.executable, *command[1:], "--help"], capture_output=True, timeout=60)
        assert shown.returncode == 0
