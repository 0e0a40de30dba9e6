"""Tables and figures in the formats of papers, of GitHub and of the console."""
