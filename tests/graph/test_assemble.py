import pyarrow as pa

from mithra.graph.assemble import family_of


def test_a_family_is_groups_and_registered_domains():
    names = ["a.com", "b.github.io", "co.uk", "github.io", "host", "www.a.com", "x.b.github.io", "y.c.co.uk"]
    family = family_of(pa.array(names))
    assert family.group_names.to_pylist() == [
        "a.com", "b.github.io", "co.uk", "github.io", "host", "a.com", "b.github.io", "c.co.uk"
    ]  # fmt: skip
    assert family.registered.to_pylist() == [
        "a.com", "github.io", None, "github.io", None, "a.com", "github.io", "c.co.uk"
    ]  # fmt: skip
    assert family.parent.tolist() == [-1, 3, -1, -1, -1, 0, 3, -1]


def test_no_names():
    family = family_of(pa.array([], pa.string()))
    assert len(family.group) == len(family.parent) == len(family.registered) == 0
