"""The manifests are what Kubernetes takes, fit each other, and lose no metric on the way from service to log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from command_process import Flowemf
from container_service import CUT_BYTES, instructions, variables
from container_service import FOLDER as CONTAINER
from example_programs import EXAMPLES, documents_of, sums
from shape_wrappers import cri, pod

pytestmark = pytest.mark.xdist_group("container-example")

FOLDER = EXAMPLES / "kubernetes"
FLOWS = ("FlowStarted", "FlowCompleted", "FlowError", "GenerationCount", "GenerationError", "TokensUsed")


def manifests() -> Iterator[dict[str, Any]]:
    """Read every manifest of the folder."""
    for path in sorted(FOLDER.glob("*.yaml")):
        yield from yaml.safe_load_all(path.read_text("utf-8"))


def one(kind: str, name: str) -> dict[str, Any]:
    """Give the manifest of a kind with a name."""
    [found] = [each for each in manifests() if (each["kind"], each["metadata"]["name"]) == (kind, name)]
    return found


def pod_of(kind: str, name: str) -> dict[str, Any]:
    """Give the specification of the pods that a manifest makes."""
    return dict(one(kind, name)["spec"]["template"]["spec"])


def fluent_bit() -> dict[str, Any]:
    """Read the configuration that Fluent Bit is given."""
    return dict(yaml.safe_load(one("ConfigMap", "fluent-bit")["data"]["fluent-bit.yaml"]))


# --- What Kubernetes takes


@pytest.mark.parametrize("manifest", list(manifests()), ids=lambda each: f"{each['kind']} {each['metadata']['name']}")
def test_a_manifest_is_one_that_kubernetes_takes(manifest: dict[str, Any]) -> None:
    """By the schemas of the newest version that the validator knows, in which a member too many is a mistake."""
    kubernetes_validate.validate(manifest, kubernetes_validate.latest_version(), strict=True)
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate({**manifest, "specs": {}}, kubernetes_validate.latest_version(), strict=True)


# --- What fits together


def test_each_selector_finds_the_pods_that_it_is_for() -> None:
    """Deployment, DaemonSet and Service select by labels that the pods have."""
    for kind, name in (("Deployment", "chat"), ("DaemonSet", "fluent-bit")):
        specification = one(kind, name)["spec"]
        assert (
            specification["selector"]["matchLabels"].items() <= specification["template"]["metadata"]["labels"].items()
        )
    labels = one("Deployment", "chat")["spec"]["template"]["metadata"]["labels"]
    assert one("Service", "chat")["spec"]["selector"].items() <= labels.items()


def test_the_deployment_fits_the_image() -> None:
    """The port, the user, and time enough between SIGTERM and SIGKILL."""
    settings, told = variables(CONTAINER / "Dockerfile"), dict(instructions(CONTAINER / "Dockerfile"))
    specification = pod_of("Deployment", "chat")
    [chat] = specification["containers"]
    assert [each["containerPort"] for each in chat["ports"]] == [int(settings["UVICORN_PORT"])]
    assert chat["securityContext"]["runAsUser"] == int(told["USER"])
    assert specification["terminationGracePeriodSeconds"] > int(settings["UVICORN_TIMEOUT_GRACEFUL_SHUTDOWN"])


def test_fluent_bit_reads_the_files_of_the_deployment_and_has_time_to_send_them() -> None:
    """The kubelet names a container's log POD_NAMESPACE_CONTAINER-ID.log."""
    deployment, specification = one("Deployment", "chat"), pod_of("DaemonSet", "fluent-bit")
    [name] = [each["name"] for each in pod_of("Deployment", "chat")["containers"]]
    metadata = deployment["metadata"]
    log = f"/var/log/containers/{metadata['name']}-5d4f8c7b9-x2x4z_{metadata['namespace']}_{name}-c0ffee.log"
    [source], [target] = fluent_bit()["pipeline"]["inputs"], fluent_bit()["pipeline"]["outputs"]
    assert fnmatch(log, source["path"])
    assert source["tag"] == target["match"]
    mounted = {each["mountPath"] for each in specification["containers"][0]["volumeMounts"]}
    assert any(source["path"].startswith(place) for place in mounted)
    assert str(Path(source["db"]).parent) in mounted
    assert specification["terminationGracePeriodSeconds"] > fluent_bit()["service"]["grace"]


def test_fluent_bit_is_started_with_the_configuration_of_the_config_map() -> None:
    """The argument names a file of the volume, which is mounted where it says."""
    specification = pod_of("DaemonSet", "fluent-bit")
    [container] = specification["containers"]
    [argument] = container["args"]
    configured = Path(argument.removeprefix("--config="))
    [volume] = [each["name"] for each in container["volumeMounts"] if each["mountPath"] == str(configured.parent)]
    [source] = [each["configMap"]["name"] for each in specification["volumes"] if each["name"] == volume]
    assert configured.name in one("ConfigMap", source)["data"]


def test_only_the_line_itself_goes_to_cloudwatch_logs() -> None:
    """Any other JSON around it, and nothing would be extracted: no filter lifts its members or adds some."""
    pipeline = fluent_bit()["pipeline"]
    [target] = pipeline["outputs"]
    assert (target["name"], target["log_key"], target["log_format"]) == ("cloudwatch_logs", "log", "json/emf")
    assert [each["multiline.parser"] for each in pipeline["inputs"]] == ["cri"]
    assert "filters" not in pipeline


# --- What containerd and Fluent Bit make of the lines


def through_containerd(output: bytes) -> list[bytes]:
    """Write each line as containerd does, cut where it cuts."""
    written = []
    for line in output.splitlines():
        parts = [line[start : start + CUT_BYTES] for start in range(0, len(line), CUT_BYTES)] or [b""]
        written += [cri("P", part) for part in parts[:-1]] + [cri("F", parts[-1])]
    return written


def through_fluent_bit(output: bytes) -> list[bytes]:
    """Write the records that Fluent Bit's parser cri makes of containerd's lines, as any other output has them."""
    records = []
    for line in through_containerd(output):
        time, stream, tag, log = line.decode().split(" ", 3)
        records.append(pod(1, time=time, stream=stream, _p=tag, log=log).encode())
    return records


@pytest.mark.parametrize("length", ["whole", "cut"])
@pytest.mark.parametrize("way", [through_containerd, through_fluent_bit], ids=["containerd", "Fluent Bit"])
def test_lines_that_were_wrapped_give_the_same_metrics(
    outputs: dict[str, bytes],
    flowemf_command: Flowemf,
    length: str,
    way: Callable[[bytes], list[bytes]],
) -> None:
    """Freed of what is around them, they are what the container wrote, byte by byte."""
    output = outputs[length]
    wrapped = way(output)
    assert len(wrapped) == len(output.splitlines()) + 4 * (length == "cut")
    log = b"\n".join(wrapped) + b"\n"
    assert flowemf_command("check", stdin=log).returncode == 0
    freed = flowemf_command("replay", "--to", "stdout", stdin=log)
    assert freed.returncode == 0, freed.stderr
    assert freed.stdout.splitlines() == [line for line in output.splitlines() if line.startswith(b'{"_aws"')]
    assert sums(documents_of(freed.stdout), *FLOWS) == {
        "FlowStarted": 2,
        "FlowCompleted": 1,
        "FlowError": 1,
        "GenerationCount": 2,
        "GenerationError": 1,
        "TokensUsed": 6,
    }
