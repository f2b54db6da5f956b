"""What a run came to: counts, latencies, figures by the second, and the comparison of two results."""
