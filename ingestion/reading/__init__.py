"""The parts of reading, in the order of the flow.

`workbook` opens a file (`package`, `text_file`) into sheets of natively typed columns (`sheet`); `layout` finds the
data set and its headings, `rows` sorts rows from sections, totals and footers, `cells` types the columns by the
contract, `totals` checks the sums, `table` puts them together. `ingestion.read` is the way in.
"""
