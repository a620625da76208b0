"""What the agency sends and looks at, made of the published marts alone."""
