"""How deploy/ runs the server: the unit, the image, compose and Kubernetes.

Not tested, for want of an engine: that the image builds and starts, that compose and Kubernetes take their
files.
"""

from __future__ import annotations

import configparser
import json
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deployed import DEPLOY, ROOT, load, run
from tests.programs import need

ADMIN_PORT = 8053
OPERATIONS = ROOT / "docs/operations.md"


def documents(path: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(path.read_text()))


# systemd


def unit() -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(DEPLOY / "nxwhy.service")
    return parser


def test_systemd_rates_the_exposure_of_the_unit_as_the_manual_says() -> None:
    bound = re.search(r"`systemd-analyze security nxwhy` rates it under (\d+)", OPERATIONS.read_text())
    said = run("systemd-analyze", "security", "--offline=true", "--no-pager", "nxwhy.service")
    found = re.search(r"Overall exposure level for nxwhy\.service: ([\d.]+)", said)
    assert found is not None
    assert bound is not None
    assert float(found[1]) < int(bound[1])


def test_the_unit_allows_the_calls_by_which_a_build_gives_way_to_queries() -> None:
    filters = re.findall(r"^SystemCallFilter=(.*)$", (DEPLOY / "nxwhy.service").read_text(), re.MULTILINE)
    refused = max(place for place, names in enumerate(filters) if names.startswith("~"))
    allowed = {name for names in filters[refused + 1 :] for name in names.split()}
    assert allowed == {"setpriority", "sched_setaffinity", "sched_setattr"}


def test_systemd_reads_every_line_of_the_unit(tmp_path: Path) -> None:
    text = (DEPLOY / "nxwhy.service").read_text()
    command = "/opt/nxwhy/bin/nxwhy"
    assert command in text  # is not there in a test; /bin/true stands for it
    (tmp_path / "nxwhy.service").write_text(text.replace(command, "/bin/true"))
    done = subprocess.run(
        [need("systemd-analyze"), "verify", "--man=no", str(tmp_path / "nxwhy.service")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert [line for line in done.stderr.splitlines() if "nxwhy" in line] == []
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("Type", "notify"),
        ("DynamicUser", "yes"),
        ("StateDirectory", "nxwhy"),
        ("AmbientCapabilities", "CAP_NET_BIND_SERVICE"),
        ("CapabilityBoundingSet", "CAP_NET_BIND_SERVICE"),
        ("ExecStart", "/opt/nxwhy/bin/nxwhy serve --config /etc/nxwhy/nxwhy.yaml"),
        ("ExecReload", "/bin/kill -HUP $MAINPID"),
    ],
)
def test_the_unit_says(key: str, value: str) -> None:
    assert unit()["Service"][key] == value


def test_the_watchdog_is_on() -> None:
    assert re.fullmatch(r"[1-9]\d*s", unit()["Service"]["WatchdogSec"])


def test_the_metrics_of_the_process_survive_the_hardening() -> None:
    assert "ProcSubset" not in unit()["Service"]  # `pid` would hide /proc/stat, which they read


# The image


def instructions() -> list[tuple[str, str]]:
    """Return the instructions of the Containerfile: keyword and rest, continued lines joined."""
    text = re.sub(r"^#.*\n", "", (DEPLOY / "Containerfile").read_text(), flags=re.MULTILINE)
    lines = [line for line in text.replace("\\\n", " ").splitlines() if line.strip()]
    return [(line.split(maxsplit=1)[0], " ".join(line.split()[1:])) for line in lines]


def instruction(keyword: str) -> str:
    """Return the last instruction of a kind, which is the one that counts."""
    return [rest for found, rest in instructions() if found == keyword][-1]


def copied() -> list[str]:
    """Return what is copied from the project into the image."""
    rests = [rest for keyword, rest in instructions() if keyword == "COPY" and "--from" not in rest]
    return [source.rstrip("/") for rest in rests for source in rest.split()[:-1]]


def test_the_image_is_built_from_all_that_the_package_needs() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    folders = project["tool"]["setuptools"]["package-dir"].values()
    files = [project["project"]["readme"], *project["project"]["license-files"], "pyproject.toml", "setup.py"]
    assert {*folders, *files} <= set(copied())


def test_the_image_is_built_with_a_compiler_and_not_without_the_native_part() -> None:
    runs = [rest for keyword, rest in instructions() if keyword == "RUN"]
    (compiler,) = [at for at, rest in enumerate(runs) if "gcc" in rest]
    (install,) = [at for at, rest in enumerate(runs) if "pip install" in rest]
    assert compiler < install
    assert runs[install].endswith('nxwhy --version | grep -F "engine native"')


def test_what_the_image_copies_is_let_through_to_the_build() -> None:
    first, *rest = (DEPLOY / "Containerfile.dockerignore").read_text().split()
    assert first == "*"
    let_through = [line[1:] for line in rest if line.startswith("!")]
    for source in copied():
        assert any(source == path or source.startswith(f"{path}/") for path in let_through), source


def test_the_image_has_the_version_of_the_package() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f'org.opencontainers.image.version="{version}"' in instruction("LABEL")
    assert load("compose.yaml")["services"]["nxwhy"]["image"] == f"nxwhy:{version}"
    assert load("kubernetes/kustomization.yaml")["images"] == [{"name": "nxwhy", "newTag": version}]


def test_the_image_runs_the_command_itself_as_nobody_special() -> None:
    assert json.loads(instruction("ENTRYPOINT")) == ["/opt/nxwhy/bin/nxwhy"]
    assert json.loads(instruction("CMD")) == ["serve", "--config", "/etc/nxwhy/nxwhy.yaml"]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", instruction("USER"))
    assert instruction("STOPSIGNAL") == "SIGTERM"


def test_the_image_checks_its_health_by_asking() -> None:
    probe = json.loads(instruction("HEALTHCHECK").partition(" CMD ")[2])
    assert probe == ["/opt/nxwhy/bin/nxwhy", "query", "localhost", "A", "--server", "127.0.0.1:53"]


def test_bases_are_pinned_and_the_image_that_runs_has_no_build_in_it() -> None:
    assert [rest for keyword, rest in instructions() if keyword == "FROM"] == [
        "python:3.13-slim AS build",
        "python:3.13-slim",
    ]
    last = max(at for at, (keyword, _) in enumerate(instructions()) if keyword == "FROM")
    assert not any("pip" in rest for keyword, rest in instructions()[last:] if keyword == "RUN")


def test_the_configuration_in_the_image_listens_where_the_image_says() -> None:
    config = load("container/nxwhy.yaml")
    exposed = set(instruction("EXPOSE").split())
    assert config["listen"] == {"dns": ["0.0.0.0:53"], "admin": f"0.0.0.0:{ADMIN_PORT}"}
    assert exposed == {"53/udp", "53/tcp", f"{ADMIN_PORT}/tcp"}
    assert json.loads(instruction("VOLUME")) == [config["state"]]


def test_the_configuration_in_the_image_blocks_every_list_it_has() -> None:
    config = load("container/nxwhy.yaml")
    assert config["groups"]["default"]["block"] == list(config["lists"])
    assert config["lists"] == {name: {"shipped": name} for name in config["lists"]}


# Compose


def test_compose_mounts_what_exists_and_nothing_read_only_is_missing() -> None:
    compose = load("compose.yaml")
    for name, service in compose["services"].items():
        for volume in service["volumes"]:
            source, target, *mode = volume.split(":")
            assert target.startswith("/"), name
            if source.startswith("."):
                assert mode == ["ro"], volume
                assert source == "../blocklists" or (DEPLOY / source).exists(), volume
            else:
                assert source in compose["volumes"], volume


@pytest.mark.parametrize("name", ["nxwhy", "prometheus", "grafana"])
def test_compose_gives_no_service_a_privilege(name: str) -> None:
    service = load("compose.yaml")["services"][name]
    assert service["cap_drop"] == ["ALL"]
    assert "privileged" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert re.search(r":v?\d+(\.\d+)*$", service["image"]), "no pinned version"


def test_compose_publishes_dns_to_all_and_the_rest_to_the_host_alone() -> None:
    services = load("compose.yaml")["services"]
    published = [port for service in services.values() for port in service["ports"]]
    assert [port for port in published if not port.startswith("127.0.0.1:")] == ["53:53/udp", "53:53/tcp"]


def test_compose_holds_no_secret() -> None:
    assert not re.search(r"(?i)password|secret|token", json.dumps(load("compose.yaml")))


def test_compose_joins_scraper_data_source_and_dashboard() -> None:
    services = load("compose.yaml")["services"]
    (job,) = load("prometheus/prometheus.yml")["scrape_configs"]
    assert job["static_configs"] == [{"targets": [f"nxwhy:{ADMIN_PORT}"]}]
    (source,) = load("grafana/provisioning/datasources/prometheus.yaml")["datasources"]
    assert source["url"] == "http://prometheus:9090"
    (provider,) = load("grafana/provisioning/dashboards/nxwhy.yaml")["providers"]
    assert (
        f"./grafana/dashboard.json:{provider['options']['path']}/dashboard.json:ro"
        in (services["grafana"]["volumes"])
    )
    assert (
        source["jsonData"]["timeInterval"] == load("prometheus/prometheus.yml")["global"]["scrape_interval"]
    )


# Kubernetes


def manifests() -> dict[str, dict[str, Any]]:
    """Return what the kustomization makes, by kind and name."""
    files = [DEPLOY / "kubernetes" / name for name in load("kubernetes/kustomization.yaml")["resources"]]
    made = [document for file in files for document in documents(file)]
    return {f"{one['kind']}/{one['metadata']['name']}": one for one in made}


def test_every_manifest_is_part_of_the_kustomization() -> None:
    listed = set(load("kubernetes/kustomization.yaml")["resources"])
    assert {path.name for path in (DEPLOY / "kubernetes").iterdir()} == listed | {"kustomization.yaml"}
    assert all("apiVersion" in manifest for manifest in manifests().values())


def test_kubernetes_runs_the_configuration_of_the_image() -> None:
    data = manifests()["ConfigMap/nxwhy"]["data"]
    assert data == {"nxwhy.yaml": (DEPLOY / "container/nxwhy.yaml").read_text()}


def test_pods_are_as_restricted_as_the_namespace_asks() -> None:
    pod = manifests()["Deployment/nxwhy"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    user = int(instruction("USER").split(":")[0])
    assert (pod["securityContext"]["runAsNonRoot"], pod["securityContext"]["runAsUser"]) == (True, user)
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_services_and_volumes_lead_to_what_the_pods_have() -> None:
    deployment = manifests()["Deployment/nxwhy"]
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    ports = {port["name"]: port for port in container["ports"]}
    for name in ("Service/nxwhy", "Service/nxwhy-admin"):
        service = manifests()[name]["spec"]
        assert service["selector"] == labels
        for port in service["ports"]:
            assert ports[port["targetPort"]]["protocol"] == port["protocol"]
            assert ports[port["targetPort"]]["containerPort"] == port["port"]
    assert manifests()["PodDisruptionBudget/nxwhy"]["spec"]["selector"]["matchLabels"] == labels
    assert {mount["name"] for mount in container["volumeMounts"]} == {one["name"] for one in pod["volumes"]}
    assert not any("subPath" in mount for mount in container["volumeMounts"])
    assert container["readinessProbe"]["httpGet"]["port"] in ports


# All of it


@pytest.mark.parametrize(
    "path",
    sorted(path for path in DEPLOY.rglob("*") if path.suffix in {".yaml", ".yml"}),
    ids=lambda path: path.relative_to(DEPLOY).as_posix(),
)
def test_yaml_is_yaml_without_a_key_twice(path: Path) -> None:
    for document in yaml.compose_all(path.read_text(), Loader=yaml.SafeLoader):
        assert twice(document) == []


def twice(node: yaml.Node) -> list[str]:
    """Return the keys that a mapping has twice, anywhere below."""
    if isinstance(node, yaml.MappingNode):
        keys = [key.value for key, _ in node.value]
        below = [found for _, value in node.value for found in twice(value)]
        return [key for key in set(keys) if keys.count(key) > 1] + below
    if isinstance(node, yaml.SequenceNode):
        return [found for value in node.value for found in twice(value)]
    return []
