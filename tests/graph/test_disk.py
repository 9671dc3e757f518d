import json
import os
import shutil

import numpy as np
import pyarrow as pa
import pytest

from mithra.errors import IntegrityError, SnapshotError
from mithra.graph.snapshot import Snapshot
from mithra.graph.undated import snapshot_from_edges


@pytest.fixture
def built(t):
    rows = [
        t.rr("a.com", "A", "192.0.2.1", 1, 5, ttl=60),
        t.rr("www.a.com", "A", "192.0.2.1", 2, 9),
        t.rr("b.org", "NS", "ns.c.net", 3),
    ]
    labels = [{"name": "a.com", "verdict": "nefarious", "source": "feed", "known_at": t.day(4)}]
    return t.snapshot({"resolutions": rows, "labels": labels})


def test_what_was_saved_is_opened_by_memory_map(built, tmp_path, t):
    saved = built.save(tmp_path / "snap")
    opened = Snapshot.open(tmp_path / "snap", verify=True)
    for snap in (saved, opened):
        assert snap.as_of == built.as_of == t.day(100)
        assert snap.names.to_pylist() == ["a.com", "b.org", "www.a.com"]
        assert snap.groups.to_pylist() == ["a.com", "b.org"]
        assert snap.group.tolist() == [0, 1, 0]
        assert snap.facts.to_pylist() == built.facts.to_pylist()
        assert snap.labels.to_pylist() == built.labels.to_pylist()
        assert t.edges(snap, "address") == [("a.com", "192.0.2.1", 1, 5), ("www.a.com", "192.0.2.1", 2, 9)]
        assert snap.relations["address"].weight.tolist() == built.relations["address"].weight.tolist()
        assert snap.digest == built.digest
    assert not opened.relations["address"].indices.flags.writeable
    assert opened.relations["registrar"].edges == 0
    assert opened.manifest["relations"]["address"] == {"entities": 1, "edges": 2}


def test_the_digest_is_of_the_content(built, t, tmp_path):
    other = t.snapshot({"resolutions": [t.rr("a.com", "A", "192.0.2.1", 1, 5)]})
    assert built.digest != other.digest
    assert len(built.digest) == 64
    assert built.save(tmp_path / "one").manifest["digest"] == built.digest


def test_undated_snapshots_are_saved_too(tmp_path):
    edges = {"address": (np.array([0, 1], dtype=np.int32), pa.array(["192.0.2.1", "192.0.2.1"]))}
    snap = snapshot_from_edges(pa.array(["b.com", "a.com"]), edges, facts=pa.table({"extra": [1.5, 2.5]}))
    opened = snap.save(tmp_path / "snap")
    assert opened.as_of is None
    assert opened.names.to_pylist() == ["b.com", "a.com"]
    assert opened.facts["extra"].to_pylist() == [1.5, 2.5]
    assert opened.digest == snap.digest


def test_saving_the_same_again_keeps_what_is_there_and_another_is_refused(built, tmp_path, t):
    built.save(tmp_path / "snap")
    written = (tmp_path / "snap" / "manifest.json").stat().st_mtime_ns
    built.save(tmp_path / "snap")
    assert (tmp_path / "snap" / "manifest.json").stat().st_mtime_ns == written
    with pytest.raises(SnapshotError, match="another snapshot"):
        t.snapshot({}).save(tmp_path / "snap")
    assert [p.name for p in tmp_path.iterdir()] == ["snap"]  # nothing unfinished is left


def test_other_folders_are_not_overwritten(built, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("x")
    with pytest.raises(SnapshotError, match="no snapshot here"):
        built.save(tmp_path / "mine")
    (tmp_path / "file").write_text("x")
    with pytest.raises(SnapshotError):
        built.save(tmp_path / "file")
    assert (tmp_path / "mine" / "thesis.tex").read_text() == "x"
    assert (tmp_path / "file").read_text() == "x"


def test_a_failed_write_leaves_nothing(built, tmp_path, monkeypatch):
    monkeypatch.setattr("mithra.graph.disk._write_manifest", _disk_full)
    with pytest.raises(SnapshotError, match="No space left"):
        built.save(tmp_path / "snap")
    assert list(tmp_path.iterdir()) == []


def _disk_full(*_):
    raise OSError(28, os.strerror(28))


def test_a_flipped_bit_is_found_when_asked(built, tmp_path):
    built.save(tmp_path / "snap")
    file = tmp_path / "snap" / "relations" / "address" / "first_seen.npy"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    Snapshot.open(tmp_path / "snap")
    with pytest.raises(IntegrityError, match=r"first_seen\.npy"):
        Snapshot.open(tmp_path / "snap", verify=True)


def test_ids_out_of_range_are_found_when_asked(built, tmp_path):
    broken = snapshot_from_edges(pa.array(["a.com"]), {})
    broken.group[0] = 7
    broken.save(tmp_path / "snap")
    with pytest.raises(IntegrityError, match="out of range"):
        Snapshot.open(tmp_path / "snap", verify=True)


@pytest.mark.parametrize("file", ["names.arrow", "relations/address/indptr.npy", "group.npy", "facts.arrow"])
def test_missing_or_cut_files_are_an_error_of_ours(built, tmp_path, file):
    built.save(tmp_path / "snap")
    path = tmp_path / "snap" / file
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(SnapshotError, match="missing or cut short"):
        Snapshot.open(tmp_path / "snap")
    path.unlink()
    with pytest.raises(SnapshotError, match="missing or cut short"):
        Snapshot.open(tmp_path / "snap")


@pytest.mark.parametrize("file", ["names.arrow", "relations/address/indptr.npy", "group.npy", "facts.arrow"])
def test_garbage_of_the_right_size_is_an_error_of_ours(built, tmp_path, file):
    built.save(tmp_path / "snap")
    path = tmp_path / "snap" / file
    path.write_bytes(b"\x93" * path.stat().st_size)
    with pytest.raises(SnapshotError):
        Snapshot.open(tmp_path / "snap")


def test_arrays_that_do_not_fit_together_are_an_error_of_ours(built, tmp_path):
    built.save(tmp_path / "snap")
    relations = tmp_path / "snap" / "relations"
    shutil.copy(relations / "registrar" / "indptr.npy", relations / "address" / "indptr.npy")
    with pytest.raises(SnapshotError, match="different length"):
        Snapshot.open(tmp_path / "snap")


def _edit(change):
    def apply(text):
        manifest = json.loads(text)
        change(manifest)
        return json.dumps(manifest)

    return apply


BAD_MANIFESTS = {
    "no json": lambda text: text[:-20],
    "a list": lambda text: "[]",
    "binary": lambda text: "\x00\x01",
    "another layout": _edit(lambda m: m.update(layout=99)),
    "no files": _edit(lambda m: m.pop("files")),
    "files of another kind": _edit(lambda m: m["files"].update({"names.arrow": 5})),
    "a file outside": _edit(lambda m: m["files"].update({"../../x": {"sha256": "", "bytes": 1}})),
    "a relation outside": _edit(lambda m: m["relations"].update({"../x": {}})),
    "a relation without files": _edit(lambda m: m["relations"].update({"ghost": {}})),
    "no moment": _edit(lambda m: m.pop("as_of")),
    "a wrong moment": _edit(lambda m: m.update(as_of="yesterday")),
}


@pytest.mark.parametrize("damage", BAD_MANIFESTS.values(), ids=BAD_MANIFESTS)
def test_bad_manifests_are_an_error_of_ours(built, tmp_path, damage):
    built.save(tmp_path / "snap")
    path = tmp_path / "snap" / "manifest.json"
    path.write_text(damage(path.read_text()))
    with pytest.raises(SnapshotError):
        Snapshot.open(tmp_path / "snap")


def test_a_changed_digest_in_the_manifest_is_found_when_asked(built, tmp_path):
    built.save(tmp_path / "snap")
    path = tmp_path / "snap" / "manifest.json"
    path.write_text(_edit(lambda m: m.update(digest="0" * 64))(path.read_text()))
    with pytest.raises(IntegrityError, match="digest does not match"):
        Snapshot.open(tmp_path / "snap", verify=True)


def test_no_snapshot_says_what_to_do(tmp_path):
    with pytest.raises(SnapshotError, match=r"no snapshot here.*makes one"):
        Snapshot.open(tmp_path)
