"""VOEvent packets: model, reading, writing, validation."""
