"""From records to what tables, figures and the regression check show."""
