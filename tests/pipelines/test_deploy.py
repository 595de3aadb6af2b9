"""The files of deploy/: they fit each other, their commands run, KubeRay's schema takes them."""

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from pipelines.cli.arguments import find_command, read_config
from tests.conftest import ROOT

DEPLOY = ROOT / "deploy"
RAYJOBS = ["evaluate", "extract", "render", "train"]
NOTICE = 30  # seconds between a spot machine's notice and its end, where they are fewest
DATE = "2026-07-01"
MINUTES = 29715555  # from 1970 to 03:15 of that date


def documents(name: str) -> list[Any]:
    return list(yaml.safe_load_all((DEPLOY / name).read_text()))


def rayjob(name: str = "evaluate") -> dict[str, Any]:
    """The RayJob of a command: that of evaluations, or what a kustomization makes of it."""
    (job,) = documents("rayjob/rayjob.yaml")
    if name == "evaluate":
        return job
    (patch,) = documents(f"{name}/kustomization.yaml")[0]["patches"]
    for change in yaml.safe_load(patch["patch"]):
        assert change["op"] == "replace"
        *way, last = (step.replace("~1", "/") for step in change["path"].split("/")[1:])
        at: Any = job
        for step in way:
            at = at[int(step) if isinstance(at, list) else step]
        assert last in at
        at[last] = change["value"]
    return job


def cronjob() -> dict[str, Any]:
    return documents("cronjob.yaml")[0]


def ray_pods(name: str = "evaluate") -> list[dict[str, Any]]:
    """The head's pod, and the workers'."""
    cluster = rayjob(name)["spec"]["rayClusterSpec"]
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    return [group["template"]["spec"] for group in groups]


def config_file(name: str) -> Path:
    return DEPLOY / ("" if name == "evaluate" else name) / f"{name}.yaml"


def executable(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_the_manifests_fit_each_other() -> None:
    schedule = cronjob()["spec"]
    assert schedule["concurrencyPolicy"] == "Forbid"
    assert schedule["timeZone"] == "Etc/UTC"  # that of the date in its command
    submit = schedule["jobTemplate"]["spec"]["template"]["spec"]
    kinds = [
        (d["kind"], d["metadata"]["name"]) for d in documents("cronjob.yaml") if d["kind"] != "Role"
    ]
    assert ("ServiceAccount", submit["serviceAccountName"]) in kinds
    generated = documents("kustomization.yaml")[0]["configMapGenerator"][0]
    (volume,) = submit["volumes"]
    assert volume["configMap"]["name"] == generated["name"]


@pytest.mark.parametrize("name", RAYJOBS)
def test_a_rayjob_runs_its_command_with_the_config_beside_it(name: str) -> None:
    job, head = rayjob(name), ray_pods(name)[0]
    folder = config_file(name).parent
    generated = yaml.safe_load((folder / "kustomization.yaml").read_text())["configMapGenerator"][0]
    assert all((folder / file).is_file() for file in generated["files"])
    assert job["metadata"]["name"].startswith(generated["name"])
    (volume,), (mount,) = head["volumes"], head["containers"][0]["volumeMounts"]
    assert volume["configMap"] == {"name": generated["name"]}
    here = job["spec"]["entrypoint"].replace(mount["mountPath"], str(folder))
    command, keys = find_command(shlex.split(here.replace("LOGICAL_DATE", DATE))[1:])
    config: Any = read_config(command, keys)
    assert config.out.startswith("s3://BUCKET/")


@pytest.mark.parametrize("name", RAYJOBS)
def test_the_cluster_of_a_rayjob_fits_its_execution(name: str) -> None:
    cluster = rayjob(name)["spec"]["rayClusterSpec"]
    execution = yaml.safe_load(config_file(name).read_text())["execution"]
    (group,) = cluster["workerGroupSpecs"]
    limits = group["template"]["spec"]["containers"][0]["resources"]["limits"]
    gpus = group["maxReplicas"] * int(limits["nvidia.com/gpu"])
    assert gpus == execution["workers"] * execution["gpus_per_worker"]
    assert group["maxReplicas"] * int(limits["cpu"]) >= 2 * execution["workers"]
    # It grows from nothing, and its head has neither a GPU nor room for workers.
    assert cluster["enableInTreeAutoscaling"]
    assert group["replicas"] == group["minReplicas"] == 0
    head = cluster["headGroupSpec"]
    assert head["rayStartParams"] == {"num-cpus": "0"}
    assert "nvidia.com/gpu" not in str(head)


@pytest.mark.parametrize("name", RAYJOBS)
def test_only_workers_may_run_on_spot_machines(name: str) -> None:
    head, workers = ray_pods(name)
    assert "tolerations" not in head
    assert {t["key"] for t in workers["tolerations"]} > {"nvidia.com/gpu"}
    assert workers["terminationGracePeriodSeconds"] <= NOTICE / 2  # kubelets keep half for others


@pytest.mark.parametrize("name", RAYJOBS)
def test_driver_and_workers_are_of_one_image_with_one_set_of_credentials(name: str) -> None:
    containers = [pod["containers"][0] for pod in ray_pods(name)]
    assert rayjob(name)["spec"]["rayClusterSpec"]["authOptions"] == {"mode": "token"}
    assert (
        len({c["image"] for c in containers}) == len({str(c["envFrom"]) for c in containers}) == 1
    )
    locked = re.search(r"^ray==(\S+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    assert locked
    assert rayjob(name)["spec"]["rayClusterSpec"]["rayVersion"] == locked[1]


@pytest.mark.parametrize(("status", "code"), [("Complete", 0), ("Failed", 1)])
def test_the_cronjob_creates_the_rayjob_of_its_due_date(tmp_path, status: str, code: int) -> None:
    """A stub kubectl keeps what is applied, and says twice that the job runs."""
    executable(
        tmp_path,
        "kubectl",
        f"""
        echo "$@" >> {tmp_path}/calls
        case $1 in
          apply) cat > {tmp_path}/applied ;;
          get) [ $(wc -l < {tmp_path}/calls) -lt 4 ] && echo Running || echo {status} ;;
        esac""",
    )
    executable(tmp_path, "sleep", "")
    container = cronjob()["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]
    script = container["args"][0].replace("/etc/reposer", str(DEPLOY / "rayjob"))
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "JOB_NAME": f"reposer-evaluate-{MINUTES}"}
    done = subprocess.run([*container["command"], script], env=env, timeout=20)
    assert done.returncode == code
    applied = yaml.safe_load((tmp_path / "applied").read_text())
    assert applied["metadata"]["name"] == f"reposer-evaluate-{DATE}"
    assert applied["spec"]["entrypoint"].endswith(f" date={DATE}")
    assert "LOGICAL_DATE" not in str(applied)
    calls = (tmp_path / "calls").read_text().splitlines()
    assert len(calls) == 4
    assert set(calls[1:]) == {
        f"get rayjob reposer-evaluate-{DATE} -o jsonpath={{.status.jobDeploymentStatus}}"
    }


@pytest.mark.parametrize("code", [0, 3])
def test_the_cron_line_runs_and_is_silent_when_all_is_well(tmp_path, code: int) -> None:
    (line,) = [x for x in (DEPLOY / "reposer.cron").read_text().splitlines() if x[:1].isdigit()]
    *when, user, command = line.split(maxsplit=6)
    assert (when, user) == (["15", "3", "*", "*", "*"], "reposer")
    executable(tmp_path, ".venv/bin/reposer", f'echo "$AWS_REGION $@"; exit {code}')
    (tmp_path / "s3.env").write_text("AWS_REGION=eu-north-1\n")
    for folder in ("/srv/reposer", "/etc/reposer", "/var/log/reposer"):
        command = command.replace(folder, str(tmp_path))
    done = subprocess.run(["sh", "-c", command.replace(r"\%", "%")], capture_output=True, text=True)
    said = (tmp_path / "evaluate.log").read_text()
    assert re.fullmatch(r"eu-north-1 evaluate --config \S+ date=\d{4}-\d\d-\d\d\n", said)
    log = f"{tmp_path}/evaluate.log"
    assert done.stdout == (f"reposer evaluate ended with {code}: see {log}\n" if code else "")
    assert not done.stderr


@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not installed")
def test_kustomize_builds_what_is_applied() -> None:
    built = subprocess.run(["kubectl", "kustomize", DEPLOY], capture_output=True, check=True)
    objects = {d["kind"]: d for d in yaml.safe_load_all(built.stdout)}
    assert set(objects) == {"ConfigMap", "CronJob", "Role", "RoleBinding", "ServiceAccount"}
    assert objects["ConfigMap"]["metadata"]["name"] == "reposer-evaluate"
    assert yaml.safe_load(objects["ConfigMap"]["data"]["rayjob.yaml"]) == rayjob()


@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not installed")
@pytest.mark.parametrize("name", RAYJOBS[1:])
def test_kustomize_builds_the_rayjobs(name: str) -> None:
    built = subprocess.run(["kubectl", "kustomize", DEPLOY / name], capture_output=True, check=True)
    config, job = yaml.safe_load_all(built.stdout)
    assert config["data"] == {f"{name}.yaml": config_file(name).read_text()}
    assert job == rayjob(name)


def closed(schema: Any) -> Any:
    """A CRD's schema as JSON schema that refuses unknown fields, as `kubectl apply` does."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    made = {key: closed(value) for key, value in schema.items() if key != "format"}
    if "properties" in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
        made["additionalProperties"] = False
    return made


@pytest.mark.parametrize("name", RAYJOBS)
def test_the_schema_of_kuberay_takes_the_rayjobs(name: str) -> None:
    if not (file := os.environ.get("REPOSER_RAYJOB_CRD")):
        pytest.skip("set REPOSER_RAYJOB_CRD to KubeRay's file ray.io_rayjobs.yaml")
    crd = yaml.load(Path(file).read_text(), yaml.CSafeLoader)
    (v1,) = [version for version in crd["spec"]["versions"] if version["name"] == "v1"]
    job, schema = rayjob(name), v1["schema"]["openAPIV3Schema"]
    # The schema leaves metadata to Kubernetes.
    check = Draft202012Validator(closed({**schema["properties"]["spec"]}))
    assert [error.message for error in check.iter_errors(job["spec"])] == []
    job["spec"]["rayClusterSpec"]["workerGroupSpecs"][0]["maxReplica"] = "2"
    assert "maxReplica" in str([error.message for error in check.iter_errors(job["spec"])])
