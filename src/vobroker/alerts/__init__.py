"""Alert packets: framing, schemas, decoding to Arrow, and the survey mappings."""
