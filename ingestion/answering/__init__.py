"""The parts of an answer: what a sender gets back for a file that he sent.

`marker` is the first sheet's name and mark, by which the reader skips it; `remark` what is told in the sheet and in the
notes; `package` edits the sender's own workbook, part by part; `copy_out` writes an annotated workbook for every other
format. `ingestion.answer` is the way in.
"""
