"""The monthly report that an agency sends: made from the published marts alone."""
