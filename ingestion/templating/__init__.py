"""The parts of a blank workbook for senders: list forms, official forms, choices, guidance, what is known."""
