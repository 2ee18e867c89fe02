"""What is built, and when it is built again."""

from pathlib import Path

import pytest
from hack.cluster.programs import compilation, golang, parts, stubs

GO_MOD = "module x\n\ngo 1.25.0\n\nrequire (\n\thelm.sh/helm/v3 v3.20.2 // indirect\n\tk8s.io/kubernetes v1.35.4\n)\n"


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("go version go1.26.8 linux/amd64", (1, 26, 8)),
        ("go 1.25.0", (1, 25, 0)),
        ("go version go1.19 linux/amd64", (1, 19)),
        ("command not found", None),
    ],
)
def test_go_versions_are_read(said: str, version: tuple[int, ...] | None) -> None:
    """Go's answers and go.mod's directive are understood, anything else is no version."""
    assert golang.parse(said) == version


def test_the_newest_directive_decides_which_go_is_needed(tmp_path: Path) -> None:
    """One Go builds all modules, so the most demanding of them sets the bar."""
    for name, directive in (("old", "1.22"), ("new", "1.25.3")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "go.mod").write_text(f"module {name}\n\ngo {directive}\n")
    assert golang.needed([tmp_path / "old", tmp_path / "new"]) == (1, 25, 3)


def test_components_are_stamped_with_the_pinned_version() -> None:
    """Without the stamp a component calls itself v0.0.0, and helm refuses charts by kubeVersion."""
    flags = parts.ldflags(GO_MOD)
    assert "-X k8s.io/component-base/version.gitVersion=v1.35.4" in flags
    assert "-X helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor=35" in flags
    assert "-X helm.sh/helm/v3/internal/version.version=v3.20.2" in flags


def test_traefik_is_stamped_with_the_pinned_version() -> None:
    """Without the stamp it calls itself "dev"."""
    (traefik,) = (part for part in parts.PARTS if part.name == "traefik")
    flags = parts.ldflags((traefik.folder / "go.mod").read_text())
    assert flags.endswith("-X github.com/traefik/traefik/v3/pkg/version.Version=3.6.12")


def test_a_missing_pin_is_an_error() -> None:
    """A module that nobody pins is not built as whatever is newest."""
    with pytest.raises(LookupError, match="not pinned"):
        parts.pinned(GO_MOD, "k8s.io/kube")


def test_a_changed_pin_or_source_changes_the_key(tmp_path: Path) -> None:
    """What was built from other pins, sums or sources does not count as built."""
    part = parts.Part("x", tmp_path, (".",), ("x",))
    (tmp_path / "main").mkdir()
    texts = {"go.mod": GO_MOD, "go.sum": "a", "main/main.go": "package main"}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    keys = {parts.key(part)}
    for name, text in texts.items():
        (tmp_path / name).write_text(text + "\n// more")
        keys.add(parts.key(part))
    assert len(keys) == 4


def test_every_staging_module_is_at_kubernetes_version() -> None:
    """Kubernetes v1.35.4 needs each of its k8s.io modules at v0.35.4, or the parts do not fit each other."""
    text = (parts.PARTS[0].folder / "go.mod").read_text()
    version = parts.pinned(text, "k8s.io/kubernetes").replace("v1.", "v0.")
    replaced = [line.split() for line in text.splitlines() if line.startswith("\tk8s.io/") and "=>" in line]
    assert len(replaced) > 25
    assert all(words[0] == words[2] and words[3] == version for words in replaced)


def test_who_enforces_policies_is_compiled_with_kubernetes_modules() -> None:
    """Another version of a library that both need would be compiled a second time."""
    theirs, ours = (
        (part.folder / "go.mod").read_text() for part in parts.PARTS if part.name in {"kubernetes", "network-policies"}
    )
    for module in ("k8s.io/api", "k8s.io/apimachinery", "k8s.io/client-go", "google.golang.org/protobuf"):
        assert parts.pinned(ours, module) == parts.pinned(theirs, module)


def test_a_build_tells_how_far_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    """Each tenth of the packages is told once, and nothing but packages counts."""
    told = compilation.Compilation("x")
    for number in range(40):
        told.list_line(f"example.org/p{number}")
    told.list_line("go: downloading example.org v1.0.0")
    for line in ("# example.org/p0", "p0.go:1: unused variable", "", *told.stale):
        told.build_line(line)
    said = [line.partition("] ")[2] for line in capsys.readouterr().err.splitlines()]
    assert said == [f"x: {number} of 40 packages" for number in range(4, 41, 4)]


def test_fetching_many_modules_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """A download that takes a minute is not silent."""
    told = compilation.Compilation("x")
    for number in range(250):
        told.list_line(f"go: downloading example.org/m{number} v1.0.0")
    assert [line.partition("] ")[2] for line in capsys.readouterr().err.splitlines()] == [
        "x: 100 Go modules are fetched",
        "x: 200 Go modules are fetched",
    ]


def test_a_stub_stands_in_its_package_s_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The module is copied as it was verified, but for one package, and the pins say that the copy counts."""
    module, folder = tmp_path / "m", tmp_path / "part"
    for path, text in {"m/kept/a.go": "kept", "m/heavy/b.go": "theirs", "part/stubs/heavy/c.go": "ours"}.items():
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text(text)
    (folder / "go.mod").write_text(GO_MOD)
    (folder / "go.sum").write_text("sums")
    monkeypatch.setenv("LINNET_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(golang, "module", lambda *_: module)
    (flag,) = stubs.modfile(folder, [stubs.Stub("example.org/m", "heavy")])
    pins = Path(flag.removeprefix("-modfile="))
    copy = pins.parent / "example.org/m"
    assert pins.read_text() == f"{GO_MOD}\nreplace example.org/m => {copy}\n"
    assert pins.with_suffix(".sum").read_text() == "sums"
    found = {str(path.relative_to(copy)): path.read_text() for path in copy.rglob("*.go")}
    assert found == {"kept/a.go": "kept", "heavy/c.go": "ours"}
    assert (module / "heavy/b.go").exists()


def test_a_stub_changes_the_key(tmp_path: Path) -> None:
    """What was built with another stub does not count as built."""
    (tmp_path / "stubs" / "heavy").mkdir(parents=True)
    for name, text in {"go.mod": GO_MOD, "go.sum": "a", "stubs/heavy/a.go": "package heavy"}.items():
        (tmp_path / name).write_text(text)
    part = parts.Part("x", tmp_path, (".",), ("x",))
    before = parts.key(part)
    (tmp_path / "stubs/heavy/a.go").write_text("package heavy // another")
    assert parts.key(part) != before


def test_every_stub_is_there() -> None:
    """A stub without a package of ours would leave out what it stands for."""
    for part in parts.PARTS:
        assert all(list((part.folder / "stubs" / Path(each.package).name).glob("*.go")) for each in part.stubs)
