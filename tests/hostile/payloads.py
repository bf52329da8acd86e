"""Texts that somebody may have written into a tag to be acted upon instead of read."""

from __future__ import annotations

__all__ = ["PAYLOADS"]

PAYLOADS: dict[str, str] = {
    # Qt's rich text: guessed from the text unless told not to.
    "image": "<img src='/etc/hostname'>",
    "image file url": '<img src="file:///etc/hostname" width="900" height="900"/>',
    "image unc": "<img src='\\\\10.0.0.1\\share\\x.png'>",
    "image http": "<img src='http://127.0.0.1:9/x.png'/>",
    "bold": "<b>DOE</b>^JOHN",
    "qt rich": "<qt><h1>VERIFIED</h1></qt>",
    "table": "<table><tr><td>genuine</td></tr></table>",
    "script": "<script>alert(1)</script>",
    "style": "<style>*{color:white}</style>hidden",
    "link": "<a href='javascript:app.alert(1)'>click</a>",
    # Paths that a system may open by itself.
    "unc": r"\\10.0.0.1\share\DOE.dcm",
    "url": "file:///etc/passwd",
    # ReportLab's paragraph markup.
    "para": "</para><para>new",
    "unclosed": "<b>unclosed",
    "unclosed tag": "<font color='white",
    "tiny": "<font size='0.1' color='#ffffff'>tiny</font>",
    "eval colour": "<font color=\"[c for c in ().__class__.__base__]\">x</font>",
    "draw": "<onDraw name='x' label='y'/><seq id='x'/>",
    "line break": "<br/>next line",
    # Entities and declarations.
    "entities": "&lt;img src=x&gt; &amp;&#x41;&#65; &undefined;",
    "doctype": "<!DOCTYPE x [<!ENTITY y SYSTEM 'file:///etc/passwd'>]>&y;",
    "cdata": "<![CDATA[text]]> <!-- comment --> <?xml version='1.0'?>",
    # Spreadsheets.
    "formula": "=HYPERLINK(\"http://127.0.0.1\")",
    "formula plus": "+cmd|' /C calc'!A0",
    "formula at": "@SUM(1+1)*cmd|' /C calc'!A0",
    "formula minus": "-2+3+cmd|' /C calc'!A0",
    # Formatting of programs.
    "percent": "%s%n%x%(name)s %",
    "braces": "{0} {self.__class__} {{}} {",
    "pdf string": "(paren) \\) Tj ET endstream endobj",
    # Terminals and log files.
    "terminal": "\x1b[2J\x1b]0;title\x07\x1b[31mred",
    "eight-bit control": "\x9b31m\x85next",
    "new log line": "a\r\n2026-01-01T00:00:00Z ERROR forged",
    "nul": "DOE\x00JANE",
    "backspace": "GENUINE\x08\x08\x08\x08\x08\x08\x08FORGED",
    # What the eye does not see, or sees in another order.
    "bidi": "DOE\u202eENAJ^\u2066x\u2069",
    "zero width": "DO\u200bE\u00adJA\ufeffNE\u2060",
    "line separator": "one\u2028two\u2029three",
    "odd spaces": "DOE\u00a0JANE\u3000\u2003X",
    "surrogate": "K\udcf6ln",
    "private use": "\ue000\U000f0000",
    # Sheer size.
    "long word": "A" * 3000,
    "long text": "DOE JANE " * 900,
}  # fmt: skip
"""By name: what each is after."""
