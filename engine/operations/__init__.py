"""plan -> run -> record; capture and restore as sequences over ports. No logic of any one cloud."""
