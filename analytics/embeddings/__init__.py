"""Turn text into vectors. Pure: no Django, no database; only ``openai`` speaks to a network."""
