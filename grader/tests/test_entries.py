"""What SUBMISSIONS holds: nothing vanishes, nothing is guessed, downloads as they come. Nothing is graded here."""

from __future__ import annotations

import unicodedata
import zipfile
from pathlib import Path

import pytest

from grader.classroom import downloads, entries, intake
from grader.classroom.entries import Entries
from grader.classroom.intake import Intake, Rejected
from grader.errors import UsageError
from grader.tests import odd_entries

WANTED = {"02_blocking": frozenset({"channel.c"})}


def taken(path: Path) -> Intake | str:
    """What is taken of a submission, or why it is rejected as a whole."""
    try:
        return intake.take_in(path, WANTED, "02_blocking")
    except Rejected as error:
        return str(error)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("odd") / "folder"
    odd_entries.write_folder(path)
    return path


@pytest.fixture(scope="module")
def found(folder: Path) -> Entries:
    return entries.find(folder, folder.parent / "out")


def test_every_entry_has_a_row_or_is_named_with_the_reason(folder: Path, found: Entries) -> None:
    assert len(odd_entries.ODD) == len(list(folder.iterdir())) == 33
    assert len(found.of) + len(found.passed_over) == 33
    for name, (_, kind, words) in odd_entries.ODD.items():
        if kind == "over":
            assert [text for text in found.passed_over if text.startswith(f"{name}: ") and words in text], name


@pytest.mark.parametrize("name", [name for name, (_, kind, _) in odd_entries.ODD.items() if kind != "over"])
def test_what_comes_of_each_odd_entry(name: str, folder: Path, found: Entries) -> None:
    _, kind, words = odd_entries.ODD[name]
    (entry,) = [entry for entry in found.of.values() if entry.path == folder / name]
    came = taken(entry.path)
    if kind == "none":
        told = came if isinstance(came, str) else came.rejected.get("02_blocking") or came.absent["02_blocking"]
        assert words in told and (isinstance(came, str) or not came.files)
    else:
        assert isinstance(came, Intake)
        assert came.files["02_blocking"]["channel.c"] == (odd_entries.OTHER if name == "ada.zip" else odd_entries.RIGHT)
        notes = " ".join(came.notes.get("02_blocking", []))
        assert words in notes and bool(words) == bool(notes)


def test_two_entries_of_one_student_are_told(found: Entries) -> None:
    assert [line.partition(":")[0] for line in found.remarks] == [
        "Two entries of one student? Zoë and zoë",
        "Two entries of one student? ada and ada.zip",
    ]


def test_the_whole_kit_is_handed_in_with_all_that_was_built_in_it(tmp_path: Path) -> None:
    for place in ("exercises", "grader/stubs", "build/code/0a1b", ".progress/kept"):
        path = tmp_path / "ann" / "channels-in-c" / place / "02_blocking" / "channel.c"
        path.parent.mkdir(parents=True)
        path.write_text(place)
    bench = tmp_path / "ann" / "channels-in-c" / "bench" / "channel.c"
    bench.parent.mkdir()
    bench.write_text("bench")
    for flat in ("02_blocking", None):
        came = intake.take_in(tmp_path / "ann", WANTED, flat)
        assert came.files == {"02_blocking": {"channel.c": b"exercises"}} and came.notes == {}


@pytest.mark.parametrize(
    ("name", "exercise"),
    [
        ("ex2", "02_blocking"), ("Exercise 02", "02_blocking"), ("02-Blocking", "02_blocking"), ("02", "02_blocking"),
        ("blocking", "02_blocking"), ("message_type", "03_message_type"), ("exercise-3 of ann", "03_message_type"),
        ("2", None), ("homework2", None), ("02_bounded", None), ("ex99", None), ("20", None), ("", None),
    ],
)  # fmt: skip
def test_which_exercise_a_directory_is_named_after(name: str, exercise: str | None) -> None:
    assert intake.exercise_named(name) == exercise


def test_too_many_places_are_not_read(tmp_path: Path) -> None:
    for number in range(intake.MAX_PLACES + 1):
        path = tmp_path / "ann" / f"copy{number}" / "02_blocking" / "channel.c"
        path.parent.mkdir(parents=True)
        path.write_text("the same")
    came = intake.take_in(tmp_path / "ann", WANTED)
    assert came.files == {} and f"and {intake.MAX_PLACES + 1 - 6} more" in came.rejected["02_blocking"]


# ----------------------------------------------------------------------------------------- downloads


@pytest.mark.parametrize(
    ("name", "student", "account", "rest"),
    [
        ("Ada Lovelace_12345_assignsubmission_file_", "Ada Lovelace", "12345", ""),
        ("Ada Lovelace_12345_assignsubmission_file", "Ada Lovelace", "12345", ""),
        ("Ada Lovelace_12345_assignsubmission_file_my_hw_2_3_.zip", "Ada Lovelace", "12345", "my_hw_2_3_.zip"),
        ("Participant_7_assignsubmission_file_channel.c", "Participant", "7", "channel.c"),
        ("Default group_assignsubmission_file_", "Default group", "", ""),
        ("lovelaceada_1815_70011_channel.c", "lovelaceada", "1815", "channel.c"),
        ("lovelaceada_LATE_1815_70011_a_1_2_b.zip", "lovelaceada", "1815", "a_1_2_b.zip"),
        ("de_la_cruzjuan_LATE_1815_70011_channel-1.c", "de_la_cruzjuan", "1815", "channel-1.c"),
        ("oneillzoë_1816_text.html", "oneillzoë", "1816", "text.html"),
        ("LATE_anon_x7Bq2_70012_channel.c", "anon", "x7Bq2", "channel.c"),
        ("anon_12345_70012_channel.c", "anon", "12345", "channel.c"),
    ],
)
def test_whose_an_entry_of_a_download_is(name: str, student: str, account: str, rest: str) -> None:
    origin = downloads.origin(name)
    assert origin and (origin.student, origin.account, origin.rest) == (student, account, rest)
    assert origin.is_late == ("LATE_" in name)


@pytest.mark.parametrize("name", ["ada", "ada.zip", "ada_lovelace.tar.gz", "hw_2.zip", "2026_final.zip", "ada_1.c"])
def test_other_names_are_names(name: str) -> None:
    assert downloads.origin(name) is None


ANN = {"Ann Lee 12349", "Ann Lee 12350"}


@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize("unpacked", [False, True])
def test_moodles_download_as_it_comes(tmp_path: Path, flat: bool, unpacked: bool) -> None:
    odd_entries.moodle_zip(tmp_path / "hw.zip", flat=flat)
    if unpacked:
        with zipfile.ZipFile(tmp_path / "hw.zip") as archive:
            archive.extractall(tmp_path / "hw")
    found = entries.find(tmp_path / ("hw" if unpacked else "hw.zip"), tmp_path / "out")
    assert found.of.keys() == {"=cmd Formula", "Ada Lovelace", "Jan Kowalski", "Zoë O'Neill"} | ANN
    assert [text.partition(": ")[2] for text in found.passed_over] == [
        "text from the page, and there are files beside it"
    ]
    came = {name: taken(entry.path) for name, entry in found.of.items()}
    for name in ("Ada Lovelace", "Zoë O'Neill", "Ann Lee 12350"):
        one = came[name]
        assert isinstance(one, Intake) and one.files == {"02_blocking": {"channel.c": odd_entries.RIGHT}}, name
    assert "solution.rar" in str(came["Jan Kowalski"])
    assert not any(entry.has_times for entry in found.of.values())
    assert not list(found.of["Ada Lovelace"].path.rglob("onlinetext.html"))


def test_moodles_download_with_blind_marking(tmp_path: Path) -> None:
    odd_entries.moodle_zip(tmp_path / "hw.zip", rename=lambda name: "Participant")
    found = entries.find(tmp_path / "hw.zip", tmp_path / "out")
    assert list(found.of) == [f"Participant {number}" for number in range(12345, 12351)]


def test_canvas_download_as_it_comes(tmp_path: Path) -> None:
    odd_entries.canvas_zip(tmp_path / "hw.zip")
    found = entries.find(tmp_path / "hw.zip", tmp_path / "out")
    assert list(found.of) == ["kowalskijan", "leeann", "lovelaceada", "oneillzoë", "textonly"]
    came = {name: taken(entry.path) for name, entry in found.of.items()}
    for name in ("leeann", "lovelaceada", "oneillzoë"):
        one = came[name]
        assert isinstance(one, Intake) and one.files == {"02_blocking": {"channel.c": odd_entries.RIGHT}}, name
    two, text = came["kowalskijan"], came["textonly"]
    assert isinstance(two, Intake) and "1/channel.c and 2/channel.c" in two.rejected["02_blocking"]
    assert isinstance(text, Intake) and "text.html" in text.absent["02_blocking"]
    late = {name for name, entry in found.of.items() if entry.origin and entry.origin.is_late}
    assert late == {"oneillzoë"}
    assert [line.partition(".")[0] for line in found.remarks] == ["Canvas marks as late: oneillzoë"]


def test_a_download_that_comes_again_changes_only_what_has_changed(tmp_path: Path) -> None:
    archive, out = tmp_path / "hw.zip", tmp_path / "out"

    def times() -> dict[str, int]:
        found = entries.find(archive, out)
        return {
            f"{name}/{path.name}": path.stat().st_mtime_ns
            for name, entry in found.of.items() for path in entry.path.rglob("*") if path.is_file()
        }  # fmt: skip

    odd_entries.canvas_zip(archive)
    first = times()
    odd_entries.canvas_zip(archive)
    assert times() == first
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("lovelaceada_1815_70011_channel.c", odd_entries.RIGHT)
        opened.writestr("leeann_1818_70019_channel-1.c", "int y;")
    assert times().keys() == {"lovelaceada/channel.c", "leeann/channel.c"}
    assert times()["lovelaceada/channel.c"] == first["lovelaceada/channel.c"]
    assert sorted(path.name for path in (out / "collected").iterdir()) == [".unpacked", "leeann", "lovelaceada"]


def test_a_zip_of_folders_is_a_class_too(tmp_path: Path) -> None:
    for prefix in ("", "homework/"):
        (tmp_path / "hw.zip").write_bytes(
            odd_entries.zipped({f"{prefix}{name}/02_blocking/channel.c": b"int x;" for name in ("ann", "bob")})
        )
        assert list(entries.find(tmp_path / "hw.zip", tmp_path / "out").of) == ["ann", "bob"]


def test_what_in_a_zip_no_student_can_have_meant_is_told(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("ann/link")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "hw.zip", "w") as archive:
        archive.writestr("ann/02_blocking/channel.c", "int x;")
        archive.writestr("../../evil/channel.c", "int x;")
        archive.writestr(link, "/etc/passwd")
        archive.writestr("__MACOSX/ann/._x", "")
    found = entries.find(tmp_path / "hw.zip", tmp_path / "out")
    assert list(found.of) == ["ann"] and len(found.passed_over) == 3
    assert not (tmp_path / "evil").exists() and not any(path.is_symlink() for path in tmp_path.rglob("*"))


def test_what_is_no_zip_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "hw.zip").write_text("no")
    with pytest.raises(UsageError, match=r"hw\.zip: the zip can't be read"):
        entries.find(tmp_path / "hw.zip", tmp_path / "out")


def test_names_are_compared_in_one_form() -> None:
    assert entries.normal(unicodedata.normalize("NFD", "Zoë  O'Neill")) == entries.normal("zoë o'neill")
    assert entries.normal("Zoë") != entries.normal("Zoe")
