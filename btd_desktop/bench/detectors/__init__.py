"""What is set side by side: ours, the paper's scores, trivial ones, baselines."""
