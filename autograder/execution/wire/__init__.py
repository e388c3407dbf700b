"""Encode values that cross the trust boundary: JSON, safetensors, descriptions of figures."""
