"""Every chart, and the self-contained reports."""
