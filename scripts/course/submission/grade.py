#!/usr/bin/python3
"""grade.py MAIL DIRECTORY: check the mail by the rules of the assignment, and by what the
recipe beside this file says, and leave its attachments in the new DIRECTORY.

It knows nothing of how the mail was made.  The status is 1 if a rule is broken; all that
are broken are told.
"""
import email
import email.policy
import pathlib
import re
import subprocess
import sys

SUBJECT = "CMPE283 Assignment 3 Submission"
COMMIT = re.compile(r"commit ([0-9a-f]{40})")
PERSON = re.compile(r"ID ([0-9]{10}) ([^,:]*\S), (\S[^,:]*)")
ANSWERS = "1. Who did what", "2. The recipe", "3. The interval"
DEFAULT = re.compile(
    rb"^\+config KVM_EXIT_STATS_INTERVAL$(?:\n\+.*)*?\n\+\tdefault ([0-9]+)$", re.M
)
broken = []


def rule(holds, text):
    if not holds:
        broken.append(text)
    return holds


def body_of(mail):
    """The text, which is all that is not attached, or None"""
    parts = [p for p in mail.walk() if not p.is_multipart()]
    html = [p for p in parts if p.get_content_type() == "text/html"]
    text = [p for p in parts if not p.is_attachment()]
    if not rule(not html, "there is HTML") or not rule(
        [p.get_content_type() for p in text] == ["text/plain"],
        "the text is not one part of plain text",
    ):
        return None
    return text[0].get_content()


def attachments_of(mail):
    """The PDF and the diff, or None"""
    attached = [p for p in mail.walk() if p.is_attachment()]
    if not rule(len(attached) == 2, f"there are {len(attached)} attachments, not 2"):
        return None
    found = {
        pathlib.PurePath(p.get_filename() or "").suffix: p.get_payload(decode=True)
        for p in attached
    }
    if not rule(set(found) == {".pdf", ".diff"}, "they are not a .pdf and a .diff"):
        return None
    return found[".pdf"], found[".diff"]


def check_body(text):
    """Return the commit, if there is one, and the lines of people."""
    lines = text.splitlines()
    commits = [m[1] for m in map(COMMIT.fullmatch, lines) if m]
    rule(len(commits) == 1, "there is no line 'commit SHA', alone, or more than one")

    people = [line for line in lines if line.startswith("ID")]
    rule(people, "there is no ID")
    for line in people:
        rule(PERSON.fullmatch(line), f"'{line}' is not 'ID 0123456789 Last, First'")
    numbers = [line.split()[1:2] for line in people]
    rule(all(numbers.count(n) == 1 for n in numbers), "there is an ID twice")
    return commits[0] if commits else None, people


def check_diff(diff):
    """Return the interval, if there is a good one."""
    rule(diff.startswith(b"diff --git "), "the diff is none of git's")
    if not rule(b"\r" not in diff, "the diff has ends of lines that are not Linux'"):
        return None
    default = DEFAULT.search(diff)
    if not rule(default, "the diff has no default of the interval") or not rule(
        1 <= int(default[1]) <= 500, "the default of the interval is not 1 to 500"
    ):
        return None
    return int(default[1])


def commands():
    """Those of the recipe, but for what each submission has its own of"""
    recipe = pathlib.Path(__file__).with_name("recipe.sh").read_text().splitlines()
    return [a for a in recipe if a and not a.startswith(("#", "linux=", "commit="))]


def check_pdf(file, commit, people, interval):
    if not rule(file.read_bytes().startswith(b"%PDF-"), "the PDF is none"):
        return
    text = subprocess.run(
        ["pdftotext", "-layout", file, "-"], stdout=subprocess.PIPE, check=False
    ).stdout.decode()
    lines = [line.strip() for line in text.replace("\f", "\n").splitlines()]
    at = [i for a in ANSWERS for i, line in enumerate(lines) if line.startswith(a)]
    if not rule(
        len(at) == len(ANSWERS) and at == sorted(at),
        "the PDF has not these three, in this order: " + ", ".join(ANSWERS),
    ):
        return
    who, recipe, said = (lines[i:j] for i, j in zip(at, at[1:] + [None]))

    for line in people:
        match = PERSON.fullmatch(line)
        if match:
            share = re.escape(f"{match[2]}, {match[3]} (ID {match[1]}): ") + r"\w"
            rule(
                re.search(share, " ".join(who)),
                f"the PDF does not say what {match[2]}, {match[3]} did",
            )
    wanted = commands()
    if commit:
        wanted.append(f"commit={commit}")
    for line in wanted:
        rule(line in recipe, f"the recipe in the PDF has no '{line}'")
    source = [line for line in recipe if line.startswith("linux=https://")]
    rule(source, "the recipe in the PDF does not say where to clone Linux from")
    rule(
        interval is None or f"The interval is {interval} exits" in " ".join(said),
        "the PDF does not say the interval of the diff",
    )


def main(path, directory):
    mail = email.message_from_bytes(
        pathlib.Path(path).read_bytes(), policy=email.policy.default
    )
    rule(mail["Subject"] == SUBJECT, f"the subject is not '{SUBJECT}'")
    text = body_of(mail)
    commit, people = check_body(text) if text else (None, [])
    attachments = attachments_of(mail)
    if attachments:
        pdf, diff = attachments
        out = pathlib.Path(directory)
        out.mkdir()
        (out / "pdf").write_bytes(pdf)
        (out / "diff").write_bytes(diff)
        check_pdf(out / "pdf", commit, people, check_diff(diff))

    for text in broken:
        print(f"{path}: {text}", file=sys.stderr)
    sys.exit(1 if broken else 0)


main(*sys.argv[1:])
