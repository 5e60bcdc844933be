"""Text and JSON for people and machines. Takes values, returns strings; asks nobody anything."""
