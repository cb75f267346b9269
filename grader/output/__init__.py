"""What people read: bars, messages, hints, stories and their page."""
