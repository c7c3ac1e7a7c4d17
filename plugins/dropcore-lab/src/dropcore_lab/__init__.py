"""See what dropout does: experiments, run by ``dropcore experiment NAME``."""
