"""How Kafka is reached: connections, presets of surveys, what its errors mean. Imports nothing of ours."""
