"""Training of noise predictors on benign scans."""
