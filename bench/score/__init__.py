"""From predictions to numbers, and what numbers over seeds say."""
