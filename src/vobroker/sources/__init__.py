"""Where packets come from: files and the simulator."""
