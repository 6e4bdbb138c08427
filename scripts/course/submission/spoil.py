#!/usr/bin/python3
"""spoil.py HOW MAIL [FILE]: print the mail, spoiled in one way, for tests of grade.py."""
import email
import email.policy
import pathlib
import sys


def html_body(mail):
    mail.get_body().set_content("<p>See below.</p>", subtype="html")


def html_besides(mail):
    mail.get_body().add_alternative("<p>See below.</p>", subtype="html")


def two_texts(mail):
    mail.get_body().add_alternative("See below.")


def html_attached(mail):
    pdf, _ = mail.iter_attachments()
    pdf.replace_header("Content-Type", "text/html")


def third_attachment(mail):
    mail.add_attachment("this, too", filename="notes.txt")


def only_pdf(mail):
    mail.get_payload().pop()


def two_diffs(mail):
    _, diff = mail.iter_attachments()
    mail.get_payload()[1] = diff


def crlf_diff(mail):
    _, diff = mail.iter_attachments()
    text = diff.get_content().replace(b"\n", b"\r\n")
    diff.set_content(text, "text", "x-diff", filename="cmpe283-3.diff")


def replace(part, maintype, subtype, suffix):
    content = pathlib.Path(sys.argv[3]).read_bytes()
    part.set_content(content, maintype, subtype, filename="file" + suffix)


def pdf(mail):
    replace(list(mail.iter_attachments())[0], "application", "pdf", ".pdf")


def diff(mail):
    replace(list(mail.iter_attachments())[1], "application", "octet-stream", ".diff")


def body(mail):
    mail.get_body().set_content(pathlib.Path(sys.argv[3]).read_text())


def main(how, path, *_):
    mail = email.message_from_bytes(
        pathlib.Path(path).read_bytes(), policy=email.policy.default
    )
    globals()[how](mail)
    sys.stdout.buffer.write(mail.as_bytes())


main(*sys.argv[1:])
