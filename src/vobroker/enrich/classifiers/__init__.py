"""Models in ONNX that judge alerts: what one declares, what is checked of it, the process that runs it."""
