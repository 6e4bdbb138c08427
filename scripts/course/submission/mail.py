#!/usr/bin/python3
"""mail.py COMMIT PDF DIFF: print the mail, with the lines of standard input as IDs.

From: and To: are left to whoever sends it; programs for mail that know X-Unsent
open it as a draft.
"""
import pathlib
import sys
from email.message import EmailMessage
from email.policy import default

BODY = """\
CMPE283, Assignment 3: Instrumenting KVM

The diff is for this commit of Linux:

commit {commit}

{ids}
Attached: the answers ({pdf}), and the diff ({diff}).
"""


def main(commit, *files):
    pdf, diff = map(pathlib.Path, files)
    ids = sys.stdin.buffer.read().decode()
    mail = EmailMessage(policy=default.clone(cte_type="7bit"))
    mail["From"] = ""
    mail["To"] = ""
    mail["Subject"] = "CMPE283 Assignment 3 Submission"
    mail["X-Unsent"] = "1"
    mail.set_content(BODY.format(commit=commit, ids=ids, pdf=pdf.name, diff=diff.name))
    # Attached as text, the diff could get other line endings on its way.
    for file, kind in (pdf, "pdf"), (diff, "octet-stream"):
        mail.add_attachment(file.read_bytes(), "application", kind, filename=file.name)
    sys.stdout.buffer.write(mail.as_bytes())


main(*sys.argv[1:])
