"""The official reporting forms 1 to 13 as the ministry lays them out: their headings, and how a sheet is drawn."""
