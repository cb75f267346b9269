"""What people type: each command, and what it says."""
