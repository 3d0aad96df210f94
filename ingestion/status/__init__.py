"""What an operator sees at a glance: one object (`glance`), shown on the screen, as a page, as JSON and as metrics."""
